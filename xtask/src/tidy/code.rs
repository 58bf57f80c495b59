//! The code of a Rust file without its comments and texts, so that rules see only what the compiler sees.

/// `text` with every comment, string and character literal replaced by spaces; lines stay where they are.
pub(super) fn only(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut i = 0;
    while i < chars.len() {
        let end = match chars[i] {
            '/' if chars.get(i + 1) == Some(&'/') => line_end(&chars, i),
            '/' if chars.get(i + 1) == Some(&'*') => block_end(&chars, i),
            '"' => string_end(&chars, i),
            'r' if !follows_word(&chars, i) => raw_end(&chars, i).unwrap_or(i),
            '\'' => char_end(&chars, i).unwrap_or(i),
            _ => i,
        };
        if end == i {
            code.push(chars[i]);
            i += 1;
        } else {
            code.extend(chars[i..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            i = end;
        }
    }
    code
}

/// The lines of the code, counted from 1, in which `word` stands as a whole word.
pub(super) fn lines_with<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.lines().enumerate().filter(move |(_, line)| has_word(line, word)).map(|(i, _)| i + 1)
}

/// Whether `word` stands in `text` with no letter, digit or underscore beside it.
pub(super) fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word)
        .any(|(at, _)| !text[..at].ends_with(is_part) && !text[at + word.len()..].starts_with(is_part))
}

fn follows_word(chars: &[char], i: usize) -> bool {
    // The b of br"..." is a prefix of the string, not a word before it.
    let before = i.checked_sub(1).map(|j| chars[j]);
    before.is_some_and(|c| c != 'b' && (c.is_alphanumeric() || c == '_'))
}

fn line_end(chars: &[char], start: usize) -> usize {
    chars[start..].iter().position(|&c| c == '\n').map_or(chars.len(), |n| start + n)
}

fn block_end(chars: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0, start);
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut i = start + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// The end of `r"..."` or `r#"..."#`, if one begins at `start`.
fn raw_end(chars: &[char], start: usize) -> Option<usize> {
    let n_hashes = chars[start + 1..].iter().take_while(|&&c| c == '#').count();
    let open = start + 1 + n_hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let mut i = open + 1;
    while i < chars.len() {
        if chars[i] == '"' && chars[i + 1..].iter().take_while(|&&c| c == '#').count() >= n_hashes {
            return Some(i + 1 + n_hashes);
        }
        i += 1;
    }
    Some(chars.len())
}

/// The end of a character literal, if the quote at `start` begins one and not a lifetime.
fn char_end(chars: &[char], start: usize) -> Option<usize> {
    match chars.get(start + 1)? {
        '\\' => {
            let close = chars[start + 3..].iter().position(|&c| c == '\'')?;
            Some(start + 3 + close + 1)
        }
        _ => (chars.get(start + 2) == Some(&'\'')).then_some(start + 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_texts_vanish_and_lines_stay() {
        let text =
            "a // unsafe\n/* unsafe /* x */\nunsafe */ b \"unsafe \\\" unsafe\" c\nr#\"unsafe\" unsafe\"# d";
        let code = only(text);
        assert!(!code.contains("unsafe"), "{code}");
        let words: Vec<Vec<&str>> = code.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(words, [vec!["a"], vec![], vec!["b", "c"], vec!["d"]]);
    }

    #[test]
    fn lifetimes_are_code_and_characters_are_not() {
        assert_eq!(
            only("fn f<'a>(x: &'a str) { '\"'; '\\''; b'x' }").trim_end(),
            "fn f<'a>(x: &'a str) {    ;     ; b    }"
        );
    }

    #[test]
    fn only_whole_words_count() {
        assert!(has_word("unsafe {", "unsafe") && has_word("(unsafe)", "unsafe"));
        assert!(!has_word("unsafe_code unsafely", "unsafe"));
        assert_eq!(lines_with("x\ny x\n", "x").collect::<Vec<_>>(), [1, 2]);
    }
}
