//! What a `config.json` says, key by key: each is asked for, is harmless, or is refused by its name.

use std::{
    cell::RefCell,
    collections::BTreeSet,
    fs::File,
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::{Map, Value};

use crate::{Error, Result};

/// A file of settings, and which of them were asked for.
#[derive(Debug)]
pub(super) struct Config {
    path: PathBuf,
    entries: Map<String, Value>,
    asked: RefCell<BTreeSet<String>>,
}

/// Largest file.
const MAX_FILE: u64 = 4 << 20;
/// Largest size that a key may say.
const MOST: usize = 1 << 24;
/// Most blocks of a net.
pub(super) const MOST_BLOCKS: usize = 4096;

/// Keys that do not change what a net computes, in evaluation, to all its places at once.
const HARMLESS: &[&str] = &[
    "_attn_implementation",
    "_attn_implementation_autoset",
    "_name_or_path",
    "_num_labels",
    "architectures",
    "attn_implementation",
    "bad_words_ids",
    "begin_suppress_tokens",
    "bos_token_id",
    "chunk_size_feed_forward",
    "cls_token_id",
    "decoder_start_token_id",
    "diversity_penalty",
    "do_sample",
    "dtype",
    "early_stopping",
    "encoder_no_repeat_ngram_size",
    "eos_token_id",
    "exponential_decay_length_penalty",
    "finetuning_task",
    "forced_bos_token_id",
    "forced_eos_token_id",
    "gradient_checkpointing",
    "id2label",
    "initializer_factor",
    "initializer_range",
    "label2id",
    "length_penalty",
    "mask_token_id",
    "max_length",
    "min_length",
    "model_type",
    "no_repeat_ngram_size",
    "num_beam_groups",
    "num_beams",
    "num_return_sequences",
    "output_attentions",
    "output_hidden_states",
    "output_scores",
    "pad_token_id",
    "prefix",
    "problem_type",
    "remove_invalid_values",
    "repetition_penalty",
    "return_dict",
    "return_dict_in_generate",
    "sep_token_id",
    "suppress_tokens",
    "task_specific_params",
    "temperature",
    "tokenizer_class",
    "top_k",
    "top_p",
    "torch_dtype",
    "torchscript",
    "transformers_version",
    "typical_p",
    "unk_token_id",
    "use_bfloat16",
    "use_cache",
];

/// Beginnings and ends of keys of what happens in training only.
const TRAINING: &[&str] = &["dropout", "_pdrop", "drop_path", "dropout_prob"];

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Format`] if it is too large or no JSON object.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let mut text = String::new();
        let file = File::open(path).map_err(Error::io(path))?;
        file.take(MAX_FILE + 1).read_to_string(&mut text).map_err(Error::io(path))?;
        if text.len() as u64 > MAX_FILE {
            return Err(Error::format(path, format!("at most {MAX_FILE} bytes"), "more"));
        }
        let entries = serde_json::from_str(&text)
            .map_err(|why| Error::format(path, "a JSON object of settings", why.to_string()))?;
        Ok(Self { path: path.to_owned(), entries, asked: RefCell::default() })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What stands under a key; null counts as nothing.
    pub(super) fn get(&self, key: &str) -> Option<&Value> {
        self.asked.borrow_mut().insert(key.to_owned());
        self.entries.get(key).filter(|value| !value.is_null())
    }

    /// An error about a key.
    pub(super) fn fault<T>(&self, key: &str, expected: impl std::fmt::Display) -> Result<T> {
        let found = match self.get(key) {
            Some(value) => short(value),
            None => "none".to_owned(),
        };
        Err(Error::format(&self.path, format!("{expected} under {key}"), found))
    }

    /// A size of 1 or more that must be there.
    pub(super) fn size(&self, key: &str) -> Result<usize> {
        match self.size_if(key)? {
            Some(size) => Ok(size),
            None => self.fault(key, format!("a whole number from 1 to {MOST}")),
        }
    }

    /// A size of 1 or more, if it is there.
    pub(super) fn size_if(&self, key: &str) -> Result<Option<usize>> {
        let Some(value) = self.get(key) else { return Ok(None) };
        match value
            .as_u64()
            .and_then(|size| usize::try_from(size).ok())
            .filter(|size| (1..=MOST).contains(size))
        {
            Some(size) => Ok(Some(size)),
            None => self.fault(key, format!("a whole number from 1 to {MOST}")),
        }
    }

    /// How many blocks a net has.
    pub(super) fn depth(&self, key: &str) -> Result<usize> {
        match self.size(key)? {
            depth if depth <= MOST_BLOCKS => Ok(depth),
            _ => self.fault(key, format!("at most {MOST_BLOCKS} blocks")),
        }
    }

    /// Whether a key stands there, be it with null.
    pub(super) fn says(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// A list of sizes that must be there.
    pub(super) fn sizes(&self, key: &str) -> Result<Vec<usize>> {
        let expected = format!("a list of whole numbers from 1 to {MOST}");
        let Some(list) = self.get(key).and_then(Value::as_array) else { return self.fault(key, expected) };
        let size =
            |value: &Value| usize::try_from(value.as_u64()?).ok().filter(|size| (1..=MOST).contains(size));
        match list.iter().map(size).collect() {
            Some(sizes) => Ok(sizes),
            None => self.fault(key, expected),
        }
    }

    /// Height and width: a number for both, or two.
    pub(super) fn sides(&self, key: &str) -> Result<[usize; 2]> {
        if self.get(key).is_some_and(|value| !value.is_array()) {
            return Ok([self.size(key)?; 2]);
        }
        match self.sizes(key)?[..] {
            [height, width] => Ok([height, width]),
            _ => self.fault(key, "a size, or height and width"),
        }
    }

    /// How many classes the net tells apart: as many as have names, two if none have.
    pub(super) fn labels(&self) -> Result<usize> {
        match self.get("id2label") {
            None => Ok(self.size_if("num_labels")?.unwrap_or(2)),
            Some(Value::Object(names)) if !names.is_empty() => Ok(names.len()),
            Some(_) => self.fault("id2label", "an object with a name for each class"),
        }
    }

    /// A finite number, or what the family takes where the key is absent.
    pub(super) fn number_or(&self, key: &str, absent: f64) -> Result<f64> {
        let Some(value) = self.get(key) else { return Ok(absent) };
        match value.as_f64().filter(|number| number.is_finite()) {
            Some(number) => Ok(number),
            None => self.fault(key, "a number"),
        }
    }

    /// Yes or no, or what the family takes where the key is absent.
    pub(super) fn truth_or(&self, key: &str, absent: bool) -> Result<bool> {
        let Some(value) = self.get(key) else { return Ok(absent) };
        match value.as_bool() {
            Some(truth) => Ok(truth),
            None => self.fault(key, "true or false"),
        }
    }

    /// A word, or what the family takes where the key is absent.
    pub(super) fn word_or<'a>(&'a self, key: &str, absent: &'a str) -> Result<&'a str> {
        let Some(value) = self.get(key) else { return Ok(absent) };
        match value.as_str() {
            Some(word) => Ok(word),
            None => self.fault(key, "a word"),
        }
    }

    /// Refuses what is not the only choice that is read.
    pub(super) fn only_truth(&self, key: &str, only: bool) -> Result<()> {
        if self.truth_or(key, only)? == only { Ok(()) } else { self.fault(key, only) }
    }

    /// Refuses what is not the only word that is read.
    pub(super) fn only_word(&self, key: &str, only: &str) -> Result<()> {
        if self.word_or(key, only)? == only { Ok(()) } else { self.fault(key, only) }
    }

    /// The one class of the net: what stands on top of the family's stem.
    ///
    /// # Errors
    /// None, several, or one that is not among the `known`.
    pub(super) fn class<'a>(&self, known: &[&'a str]) -> Result<&'a str> {
        let list = self.get("architectures").and_then(Value::as_array);
        let one = list.filter(|list| list.len() == 1).and_then(|list| list[0].as_str());
        match known.iter().find(|class| Some(**class) == one) {
            Some(class) => Ok(class),
            None => self.fault("architectures", format!("one of {}", known.join(", "))),
        }
    }

    /// Refuses keys that nobody asked for, unless they are harmless or say that something is off.
    pub(super) fn refuse_others(&self, family: &str) -> Result<()> {
        let asked = self.asked.borrow();
        let is_off = |value: &Value| match value {
            Value::Null => true,
            Value::Bool(truth) => !truth,
            Value::Number(number) => number.as_f64() == Some(0.0),
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(entries) => entries.is_empty(),
        };
        let is_known = |key: &str| {
            asked.contains(key)
                || HARMLESS.contains(&key)
                || TRAINING.iter().any(|part| key.ends_with(part) || key.starts_with(part))
        };
        match self.entries.iter().find(|(key, value)| !is_known(key) && !is_off(value)) {
            None => Ok(()),
            Some((key, value)) => {
                let expected = format!(
                    "keys that are known of {family} (if the net computes the same without it, take the key out of a \
                     copy of the file)"
                );
                Err(Error::format(&self.path, expected, format!("{key:?}: {}", short(value))))
            }
        }
    }
}

/// A value in a line.
fn short(value: &Value) -> String {
    const MOST_LETTERS: usize = 60;
    let text = value.to_string();
    match text.char_indices().nth(MOST_LETTERS) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text,
    }
}
