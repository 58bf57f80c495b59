//! The class that a model decides for.

/// The class with the largest logit or probability, the first of equal ones; nothing if none is a number.
pub fn argmax<T: Copy + PartialOrd>(values: &[T]) -> Option<usize> {
    let mut best: Option<(usize, T)> = None;
    for (class, &value) in values.iter().enumerate() {
        let is_number = value.partial_cmp(&value).is_some();
        if is_number && best.is_none_or(|(_, largest)| value > largest) {
            best = Some((class, value));
        }
    }
    best.map(|(class, _)| class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argmax_takes_the_first_of_equals_and_never_a_nan() {
        assert_eq!(argmax(&[f32::NAN, -1.0, 3.0, 3.0]), Some(2));
        assert_eq!(argmax(&[f32::NEG_INFINITY]), Some(0));
        assert_eq!(argmax(&[f32::NAN]), None);
        assert_eq!(argmax::<f64>(&[]), None);
    }
}
