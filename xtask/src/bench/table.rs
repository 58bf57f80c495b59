//! Tables in Markdown, and numbers as a person would write them.

#[path = "../../../crates/sgmn-exp/src/show/markdown.rs"]
mod markdown;

pub(crate) use markdown::table;

use super::measurement::Spread;

/// A number with three digits that count, such as `0.0613`, `4.25` or `163`.
pub(crate) fn short(x: f64) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let digits = (2.0 - x.abs().log10().floor()).clamp(0.0, 12.0) as usize;
    // Rounding may have carried into the next power of ten: 9.996 is 10.0.
    let text = format!("{x:.digits$}");
    match text.trim_start_matches(['-', '0', '.']).chars().filter(char::is_ascii_digit).count() {
        4.. if digits > 0 => format!("{x:.*}", digits - 1),
        _ => text,
    }
}

/// A round number, such as a bar or a mark of an axis, as short as it can be written.
pub(crate) fn plain(x: f64) -> String {
    let text = short(x);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A number with its interval: `163 (158 to 170)`.
pub(super) fn spread(spread: Spread) -> String {
    format!("{} ({} to {})", short(spread.middle), short(spread.low), short(spread.high))
}

/// A share with its interval: `67 % (64 to 69)`.
pub(super) fn percent(spread: Spread) -> String {
    let Spread { middle, low, high } = spread.times(100.0);
    format!("{middle:.0} % ({low:.0} to {high:.0})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let cases = [
            (0.06134, "0.0613"),
            (4.249, "4.25"),
            (162.6, "163"),
            (12345.6, "12346"),
            (9.996, "10.0"),
            (0.0, "0"),
        ];
        for (x, text) in cases {
            assert_eq!(short(x), text);
        }
        assert_eq!([0.06, 0.5, 20.0, 1024.0].map(plain), ["0.06", "0.5", "20", "1024"]);
    }

    #[test]
    fn spreads_read_like_prose() {
        let x = Spread { middle: 0.668, low: 0.64, high: 0.69 };
        assert_eq!(spread(x), "0.668 (0.640 to 0.690)");
        assert_eq!(percent(x), "67 % (64 to 69)");
    }
}
