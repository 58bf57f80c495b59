//! Python's own shuffle: published splits are made with `random.Random(seed).shuffle`, so its exact order is needed.
//!
//! Nothing else in this house draws from this generator.

use rand_mt::Mt;

/// The Mersenne Twister MT19937, seeded and used as Python's `random.Random` does.
pub(super) struct PythonRandom(Mt);

impl PythonRandom {
    /// `random.Random(seed)` for a seed below 2³²: Python seeds by a key, which a small integer is the only word of.
    pub(super) fn new(seed: u32) -> Self {
        Self(Mt::new_with_key([seed]))
    }

    /// `random.shuffle`: from the last place down, swap with a place drawn from those up to and including it.
    ///
    /// # Panics
    /// If there are 2³² items or more.
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            let bound = u32::try_from(i + 1).expect("splits of data sets have fewer than 2^32 items");
            items.swap(i, self.below(bound) as usize);
        }
    }

    /// `_randbelow`: as many random bits as the bound has, drawn again until they are below it.
    fn below(&mut self, bound: u32) -> u32 {
        let unused_bits = bound.leading_zeros();
        loop {
            let value = self.0.next_u32() >> unused_bits;
            if value < bound {
                return value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_equal_those_of_python() {
        // [random.Random(0).getrandbits(32) for _ in range(1000)]: the first three and the last.
        let mut random = PythonRandom::new(0);
        let words: Vec<u32> = (0..1000).map(|_| random.0.next_u32()).collect();
        assert_eq!((&words[..3], words[999]), (&[3626764237, 1654615998, 3255389356][..], 2971151651));
        // [random.Random(1).getrandbits(32) for _ in range(1000)]: the first three and the last.
        let mut random = PythonRandom::new(1);
        let words: Vec<u32> = (0..1000).map(|_| random.0.next_u32()).collect();
        assert_eq!((&words[..3], words[999]), (&[577090037, 2444712010, 3639700191][..], 1877627338));
        // [random.Random(4294967295).getrandbits(32) for _ in range(1000)]: the first three and the last.
        let mut random = PythonRandom::new(4294967295);
        let words: Vec<u32> = (0..1000).map(|_| random.0.next_u32()).collect();
        assert_eq!((&words[..3], words[999]), (&[2728839433, 2661025012, 872737089][..], 3614058829));
    }

    #[test]
    fn shuffles_equal_those_of_python() {
        let shuffled = |seed, n| {
            let mut items: Vec<usize> = (0..n).collect();
            PythonRandom::new(seed).shuffle(&mut items);
            items
        };
        assert_eq!(shuffled(0, 10), [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
        assert_eq!(shuffled(7, 17), [3, 2, 13, 14, 7, 9, 15, 12, 5, 11, 8, 1, 0, 16, 6, 4, 10]);
        // Half of the zoo's 30,000 final nets.
        let long = shuffled(0, 15_000);
        assert_eq!(long[..5], [8277, 12729, 8976, 9169, 1374]);
        assert_eq!(long.iter().enumerate().map(|(i, item)| (i + 1) * item).sum::<usize>(), 840098571493);
    }
}
