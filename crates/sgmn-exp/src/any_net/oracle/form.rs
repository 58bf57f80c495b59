//! How a file holds a parameter of the oracle: as it is, transposed, with other axes, or with gates in another order.

use super::truth::Param;

/// A way to hold a parameter.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Form {
    /// For each number of the file's tensor, row-major, its place in the parameter; `None`: all at their own places.
    from: Option<Vec<usize>>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Same,
    Transpose,
    /// The first axis is of blocks, and block `i` of the file is this one.
    Gates(&'static [usize]),
}

/// The order in which ONNX stores the gates of an LSTM and of a GRU, by their places in PyTorch's.
const GATES: [&[usize]; 2] = [&[0, 3, 1, 2], &[1, 0, 2]];

impl Form {
    /// The ways that a word of `truth.json` can mean for a parameter of this shape.
    pub(super) fn of_word(word: &str, shape: &[usize]) -> Vec<Self> {
        match (word, shape) {
            ("same" | "reshape", _) => vec![Self { from: None, kind: Kind::Same }],
            ("transpose", [rows, columns]) => {
                let from = (0..*columns).flat_map(|c| (0..*rows).map(move |r| r * columns + c)).collect();
                vec![Self { from: Some(from), kind: Kind::Transpose }]
            }
            ("gates", [rows, rest @ ..]) => {
                let rest: usize = rest.iter().product();
                let fits = GATES.iter().filter(|gates| rows % gates.len() == 0);
                fits.map(|gates| {
                    let size = rows / gates.len() * rest;
                    let from = gates.iter().flat_map(|gate| gate * size..(gate + 1) * size).collect();
                    Self { from: Some(from), kind: Kind::Gates(gates) }
                })
                .collect()
            }
            _ => Vec::new(),
        }
    }

    /// The parameter's numbers as the file holds them.
    pub(super) fn held(&self, numbers: &[f64]) -> Vec<f64> {
        match &self.from {
            None => numbers.to_vec(),
            Some(from) => from.iter().map(|place| numbers[*place]).collect(),
        }
    }

    /// The texts of the axes of the file's tensor of shape `held`, and whether it is one text for all axes in a row.
    /// `None` if the texts cannot be carried over.
    pub(super) fn texts(
        &self,
        param: &Param,
        shape: &[usize],
        held: &[usize],
    ) -> Option<(Vec<String>, bool)> {
        if param.flat {
            return (self.kind == Kind::Same).then(|| (param.axes.clone(), true));
        }
        let mut axes: Vec<(String, usize)> = param.axes.iter().cloned().zip(shape.iter().copied()).collect();
        match &self.kind {
            Kind::Same => {}
            Kind::Transpose => axes.reverse(),
            Kind::Gates(gates) => {
                let parts: Vec<&str> = axes[0].0.split(" | ").collect();
                // A text that does not name the gates one by one holds for each of them.
                if parts.len() == gates.len() {
                    axes[0].0 = gates.iter().map(|gate| parts[*gate]).collect::<Vec<_>>().join(" | ");
                }
            }
        }
        stretched(&axes, held)
            .map(|texts| (texts, false))
            .or_else(|| flat(&axes).map(|text| (vec![text], true)))
    }
}

/// Texts for axes of `held`, where axes of size 1 come and go.
fn stretched(axes: &[(String, usize)], held: &[usize]) -> Option<Vec<String>> {
    let mut rest = axes.iter().peekable();
    let mut texts = Vec::new();
    for size in held {
        while rest.next_if(|(_, n)| *n == 1 && *size != 1).is_some() {}
        match rest.next_if(|(_, n)| n == size) {
            Some((text, _)) => texts.push(text.clone()),
            None if *size == 1 => texts.push("1".to_owned()),
            None => return None,
        }
    }
    rest.all(|(_, n)| *n == 1).then_some(texts)
}

/// One text for all axes in a row; each axis must be one part.
fn flat(axes: &[(String, usize)]) -> Option<String> {
    let mut factors = Vec::new();
    let mut terms = Vec::new();
    for (text, _) in axes {
        if text.contains(" | ") {
            return None;
        }
        let mut words = text.split(' ');
        let own = words.next()?.split('.');
        // A factor that stands on two axes could not be told apart by its terms.
        for factor in own {
            if factor.parse::<usize>().is_err() && factors.contains(&factor) {
                return None;
            }
            factors.push(factor);
        }
        terms.extend(words);
    }
    Some(std::iter::once(factors.join(".").as_str()).chain(terms).collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn param(axes: &[&str]) -> Param {
        Param { axes: axes.iter().map(|text| (*text).to_owned()).collect(), flat: false }
    }

    fn texts(form: &str, axes: &[&str], shape: &[usize], held: &[usize]) -> Option<(Vec<String>, bool)> {
        Form::of_word(form, shape)[0].texts(&param(axes), shape, held)
    }

    #[test]
    fn transposed_numbers_and_texts_go_together() {
        let form = &Form::of_word("transpose", &[2, 3])[0];
        assert_eq!(form.held(&[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
        let found = texts("transpose", &["a ^s", "3"], &[2, 3], &[3, 2]);
        assert_eq!(found, Some((vec!["3".to_owned(), "a ^s".to_owned()], false)));
    }

    #[test]
    fn axes_of_one_come_and_go_and_other_shapes_are_flat() {
        let found = texts("reshape", &["a /s"], &[4], &[1, 4, 1]);
        assert_eq!(found, Some((vec!["1".to_owned(), "a /s".to_owned(), "1".to_owned()], false)));
        assert_eq!(texts("same", &["a", "1"], &[4, 1], &[4]), Some((vec!["a".to_owned()], false)));
        assert_eq!(texts("reshape", &["a /s", "9"], &[4, 9], &[36]), Some((vec!["a.9 /s".to_owned()], true)));
        assert_eq!(texts("reshape", &["a", "a"], &[4, 4], &[16]), None);
        assert_eq!(texts("reshape", &["a | b", "3"], &[4, 3], &[12]), None);
    }

    #[test]
    fn gates_are_reordered_with_their_texts() {
        let forms = Form::of_word("gates", &[12, 1]);
        assert_eq!(forms.len(), 2, "of an LSTM with 3 units or of a GRU with 4");
        let numbers: Vec<f64> = (0..12).map(f64::from).collect();
        assert_eq!(forms[0].held(&numbers)[..6], [0.0, 1.0, 2.0, 9.0, 10.0, 11.0]);
        assert_eq!(forms[1].held(&numbers)[..5], [4.0, 5.0, 6.0, 7.0, 0.0]);
        let found = forms[0].texts(&param(&["h | h | h ^s | h", "1"]), &[12, 1], &[1, 12, 1]);
        let expected = ["1", "h | h | h | h ^s", "1"].map(str::to_owned).to_vec();
        assert_eq!(found, Some((expected, false)));
    }
}
