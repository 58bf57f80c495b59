//! Sizes that a program leaves open: symbols, and expressions in them as sympy's `srepr` writes them.

use std::collections::BTreeMap;

use super::program::{Expression, Size};

/// Deepest nesting of an expression.
const MAX_DEPTH: usize = 32;

/// Values of symbols.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Symbols(pub(super) BTreeMap<String, i64>);

impl Symbols {
    /// The value of a size.
    ///
    /// # Errors
    /// What is expected and found: a symbol without value, an expression that is not understood, a negative size.
    pub(super) fn size(&self, size: &Size) -> Result<usize, String> {
        let value = match size {
            Size::AsInt(value) => *value,
            Size::AsExpr(Expression { expr_str }) => evaluate(expr_str, &|name| self.0.get(name).copied())?,
        };
        usize::try_from(value).map_err(|_| format!("expected a size of at least 0, found {value}"))
    }

    /// The values of sizes.
    ///
    /// # Errors
    /// As [`Symbols::size`].
    pub(super) fn sizes(&self, sizes: &[Size]) -> Result<Vec<usize>, String> {
        sizes.iter().map(|size| self.size(size)).collect()
    }
}

/// The symbol that an expression is, if it is nothing else.
pub(super) fn bare(expression: &str) -> Option<String> {
    let found = std::cell::RefCell::new(Vec::new());
    let note = |name: &str| {
        found.borrow_mut().push(name.to_owned());
        // Two values tell a symbol from a function of it.
        Some(1_234_577)
    };
    let value = evaluate(expression, &note).ok()?;
    match &found.into_inner()[..] {
        [name] if value == 1_234_577 => Some(name.clone()),
        _ => None,
    }
}

/// The symbols of an expression, each once, in order.
pub(super) fn symbols(expression: &str) -> Vec<String> {
    let found = std::cell::RefCell::new(Vec::<String>::new());
    // What is not understood is refused where its value is needed.
    let _ = evaluate(expression, &|name| {
        let mut found = found.borrow_mut();
        if !found.iter().any(|other| other == name) {
            found.push(name.to_owned());
        }
        Some(2)
    });
    found.into_inner()
}

/// The value of an expression: `Add(Integer(1), Mul(Integer(2), Symbol('s0', integer=True)))`.
fn evaluate(text: &str, value_of: &dyn Fn(&str) -> Option<i64>) -> Result<i64, String> {
    let mut reader = Reader { rest: text, value_of };
    let value = reader.expression(0)?;
    reader.space();
    if reader.rest.is_empty() { Ok(value) } else { Err(reader.found("the end of an expression")) }
}

struct Reader<'a> {
    rest: &'a str,
    value_of: &'a dyn Fn(&str) -> Option<i64>,
}

impl<'a> Reader<'a> {
    fn expression(&mut self, depth: usize) -> Result<i64, String> {
        if depth > MAX_DEPTH {
            return Err(format!("expected an expression nested at most {MAX_DEPTH} deep, found more"));
        }
        let word = self.word();
        if word.is_empty() {
            return Err(self.found("a word or a number"));
        }
        if let Ok(number) = word.parse() {
            return Ok(number);
        }
        if !self.eat('(') {
            return self.symbol(word);
        }
        if word == "Symbol" || word == "Dummy" {
            let name = self.quoted()?;
            // Assumptions: integer=True, positive=True.
            while self.eat(',') {
                let (_, _, _) = (self.word(), self.eat('='), self.word());
            }
            return if self.eat(')') { self.symbol(name) } else { Err(self.found("a closing bracket")) };
        }
        let mut arguments = Vec::new();
        while !self.eat(')') {
            arguments.push(self.expression(depth + 1)?);
            if !self.eat(',') && !self.rest.starts_with(')') {
                return Err(self.found("a comma or a closing bracket"));
            }
        }
        call(word, &arguments)
    }

    fn symbol(&self, name: &str) -> Result<i64, String> {
        (self.value_of)(name).ok_or_else(|| format!("expected a symbol with a value, found {name:?}"))
    }

    fn space(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn word(&mut self) -> &'a str {
        self.space();
        let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let end = self.rest.find(|c| !inside(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    fn eat(&mut self, c: char) -> bool {
        self.space();
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                self.space();
                true
            }
            None => false,
        }
    }

    fn quoted(&mut self) -> Result<&'a str, String> {
        self.space();
        let text = self.rest;
        let end = text.strip_prefix('\'').and_then(|text| text.find('\''));
        match end {
            Some(end) => {
                self.rest = &text[end + 2..];
                Ok(&text[1..=end])
            }
            None => Err(self.found("a name in quotes")),
        }
    }

    fn found(&self, expected: &str) -> String {
        let shown: String = self.rest.chars().take(24).collect();
        format!("expected {expected}, found {shown:?}")
    }
}

/// The value of a known function.
fn call(name: &str, arguments: &[i64]) -> Result<i64, String> {
    let floor = |a: i64, b: i64| a.checked_div_euclid(b).filter(|_| b > 0);
    let value = match (name.rsplit('.').next().unwrap_or(name), arguments) {
        ("Integer" | "ToInt", [value]) => Some(*value),
        ("Add", values) => values.iter().try_fold(0i64, |sum, value| sum.checked_add(*value)),
        ("Mul", values) => values.iter().try_fold(1i64, |product, value| product.checked_mul(*value)),
        ("Pow" | "PowByNatural", [base, exponent]) => {
            u32::try_from(*exponent).ok().and_then(|exponent| base.checked_pow(exponent))
        }
        ("FloorDiv" | "CleanDiv", [a, b]) => floor(*a, *b),
        ("CeilDiv", [a, b]) => a.checked_add(b - 1).and_then(|a| floor(a, *b)),
        ("Mod" | "PythonMod", [a, b]) => a.checked_rem_euclid(*b).filter(|_| *b > 0),
        ("Max", values) => values.iter().max().copied(),
        ("Min", values) => values.iter().min().copied(),
        ("NegativeOne", []) => Some(-1),
        ("One", []) => Some(1),
        ("Zero", []) => Some(0),
        _ => None,
    };
    value.ok_or_else(|| format!("expected a size that can be computed, found {name}{arguments:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: &str = "FloorDiv(Add(Integer(-1), Symbol('s7', positive=True, integer=True)), Integer(2))";

    #[test]
    fn expressions_have_the_values_of_their_symbols() {
        let seven = |name: &str| (name == "s7").then_some(7);
        assert_eq!(evaluate(HALF, &seven), Ok(3));
        assert_eq!(evaluate("Mul(Integer(2), Symbol('s7', integer=True))", &seven), Ok(14));
        assert_eq!(evaluate("s7", &seven), Ok(7));
        assert_eq!(symbols(HALF), ["s7"]);
        assert_eq!(bare("Symbol('s7', integer=True)").as_deref(), Some("s7"));
        assert_eq!(bare(HALF), None);
    }

    #[test]
    fn hostile_expressions_are_errors() {
        let none = |_: &str| None;
        for text in [
            "",
            "Add(",
            "Add(Integer(1)",
            "Symbol('s0",
            "Symbol(s0)",
            "Eval(Integer(1))",
            "1 2",
            "s0",
            "(",
            "é",
        ] {
            assert!(evaluate(text, &none).is_err(), "{text:?}");
        }
        assert!(evaluate(&"Add(".repeat(100_000), &none).is_err());
        assert!(evaluate("Pow(Integer(9), Integer(99))", &none).is_err(), "too large");
        assert!(evaluate("FloorDiv(Integer(1), Integer(0))", &none).is_err());
    }
}
