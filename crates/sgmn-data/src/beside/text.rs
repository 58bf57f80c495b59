//! Text files as people have them: with a byte order mark, in UTF-16, gzipped, or JSON with numbers that it does not know.

use std::{
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::{Error, Result};

/// Largest text that is read whole; split files of a million nets have some 100 MB.
const MAX_TEXT: u64 = 1 << 30;
/// First bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// The bytes of a file, unpacked if they are gzip, and no more than `max` of them.
///
/// # Errors
/// [`Error::Io`] if the file cannot be opened.
pub(crate) fn bytes(path: &Path, max: u64) -> Result<Box<dyn Read>> {
    let mut file = File::open(path).map_err(Error::io(path))?;
    let mut start = Vec::new();
    (&mut file).take(GZIP.len() as u64).read_to_end(&mut start).map_err(Error::io(path))?;
    let is_gzip = start == GZIP;
    let whole = BufReader::new(std::io::Cursor::new(start).chain(file));
    // The limit keeps a file that unpacks without end from doing so.
    Ok(if is_gzip { Box::new(MultiGzDecoder::new(whole).take(max)) } else { Box::new(whole.take(max)) })
}

/// Reads a text, plain or gzipped, in UTF-8 or UTF-16, without its byte order mark.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read, [`Error::Format`] if it is no text or too long.
pub(crate) fn read(path: &Path) -> Result<String> {
    let mut content = Vec::new();
    bytes(path, MAX_TEXT + 1)?.read_to_end(&mut content).map_err(Error::io(path))?;
    if content.len() as u64 > MAX_TEXT {
        return Err(Error::format(path, format!("a text of at most {MAX_TEXT} bytes"), "more"));
    }
    decode(content).map_err(|found| Error::format(path, "a text in UTF-8 or UTF-16", found))
}

/// Reads a JSON file; `NaN` and `Infinity`, which Python writes and JSON does not know, become `null`.
///
/// # Errors
/// As [`read`], and [`Error::Format`] with `expected` if the text is no JSON.
pub(crate) fn json(path: &Path, expected: &str) -> Result<Value> {
    parse(&read(path)?).map_err(|why| Error::format(path, expected, why.to_string()))
}

/// Parses JSON as [`json`] does.
///
/// # Errors
/// Those of JSON.
pub(crate) fn parse(text: &str) -> serde_json::Result<Value> {
    serde_json::from_str(text).or_else(|why| {
        if text.contains("NaN") || text.contains("Infinity") {
            serde_json::from_str(&without_foreign_numbers(text)).map_err(|_| why)
        } else {
            Err(why)
        }
    })
}

fn decode(content: Vec<u8>) -> Result<String, String> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (units, rest) = bytes.as_chunks::<2>();
        let text = String::from_utf16(&units.iter().map(|&pair| unit(pair)).collect::<Vec<_>>());
        text.ok().filter(|_| rest.is_empty()).ok_or_else(|| "damaged UTF-16".to_owned())
    };
    match content.as_slice() {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => {
            let text = String::from_utf8(content).map_err(|why| why.utf8_error().to_string())?;
            Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
        }
    }
}

/// Puts `null` where a number that JSON does not know stands outside of texts.
fn without_foreign_numbers(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut in_text = false;
    while let Some(letter) = rest.chars().next() {
        let foreign = ["-Infinity", "Infinity", "NaN"].into_iter().find(|word| rest.starts_with(word));
        let n_taken = match foreign {
            Some(word) if !in_text => {
                out.push_str("null");
                word.len()
            }
            // What is escaped in a text does not end it.
            _ if in_text && letter == '\\' => {
                let n_taken = rest.chars().take(2).map(char::len_utf8).sum();
                out.push_str(&rest[..n_taken]);
                n_taken
            }
            _ => {
                in_text ^= letter == '"';
                out.push(letter);
                letter.len_utf8()
            }
        };
        rest = &rest[n_taken..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_wide_letters_are_read_as_the_text_they_are() {
        let utf16 =
            |unit: fn(u16) -> [u8; 2]| "\u{feff}ñ猫".encode_utf16().flat_map(unit).collect::<Vec<u8>>();
        for content in ["ñ猫".into(), "\u{feff}ñ猫".into(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)]
        {
            assert_eq!(decode(content).unwrap(), "ñ猫");
        }
        assert!(decode(vec![0xff, 0xfe, 0x41]).is_err(), "half a letter");
        assert!(decode(vec![0x41, 0xff]).is_err(), "no UTF-8");
    }

    #[test]
    fn numbers_of_python_become_null_and_texts_stay() {
        let value = parse(r#"{"a": NaN, "b": [-Infinity, Infinity], "NaN \" NaN": "NaN"}"#).unwrap();
        assert_eq!(value, serde_json::json!({"a": null, "b": [null, null], "NaN \" NaN": "NaN"}));
        assert!(parse("{\"a\": NaNs}").is_err());
        assert!(parse("NaN \\").is_err());
    }
}
