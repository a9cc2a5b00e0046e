//! A streaming writer for the part of Python's pickle format that a memory snapshot needs.
//!
//! MemoryViz.js reads protocols 2 to 4 and few opcodes, and integers of more than eight bytes crash
//! it. Repeated values (keys, call stacks) are memoised as in Python, which keeps a snapshot of a
//! million events at about 50 bytes per event. This is why no serialiser is used: `serde-pickle`
//! has no memo, and either needs the complete value first or repeats every key.

use std::collections::HashMap;
use std::io::{self, Write};

const PROTO: u8 = 0x80;
const PROTOCOL: u8 = 2;
const STOP: u8 = b'.';
const MARK: u8 = b'(';
const NEW_FALSE: u8 = 0x89;
const BIN_INT: u8 = b'J';
const BIN_INT_1: u8 = b'K';
const BIN_INT_2: u8 = b'M';
const LONG_1: u8 = 0x8a;
const BIN_FLOAT: u8 = b'G';
const BIN_UNICODE: u8 = b'X';
const EMPTY_LIST: u8 = b']';
const APPENDS: u8 = b'e';
const EMPTY_DICT: u8 = b'}';
const SET_ITEMS: u8 = b'u';
const TUPLE_2: u8 = 0x86;
const BIN_PUT: u8 = b'q';
const LONG_BIN_PUT: u8 = b'r';
const BIN_GET: u8 = b'h';
const LONG_BIN_GET: u8 = b'j';

/// Size at which the buffer is written out.
const BUFFER: usize = 64 << 10;

/// A pickle under construction. After an error nothing more is written; [`finish`](Self::finish)
/// returns the error.
pub(super) struct Pickle<'a> {
    out: &'a mut dyn Write,
    text: Vec<u8>,
    failed: Option<io::Error>,
    texts: HashMap<&'static str, u32>,
    memoized: u32,
}

/// Reference to a memoised value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memo(u32);

/// A value of a dictionary.
pub(super) enum Value {
    /// A fixed word of the format, memoised.
    Word(&'static str),
    /// An integer. Values from 2^63, which are neither sizes nor user addresses, are clamped.
    Number(u64),
    MinusOne,
    /// 0.0.
    Zero,
    /// `False`.
    No,
    Pair(u64, u64),
    EmptyList,
    EmptyDict,
}

impl<'a> Pickle<'a> {
    pub(super) fn new(out: &'a mut dyn Write) -> Self {
        Self { out, text: vec![PROTO, PROTOCOL], failed: None, texts: HashMap::new(), memoized: 0 }
    }

    /// Ends the pickle. Returns the first error.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.text.push(STOP);
        self.write_out();
        self.failed.map_or(Ok(()), Err)
    }

    /// Begins a dictionary; alternating keys and values follow.
    pub(super) fn begin_dict(&mut self) {
        self.text.extend_from_slice(&[EMPTY_DICT, MARK]);
    }

    /// Ends a dictionary.
    pub(super) fn end_dict(&mut self) {
        self.text.push(SET_ITEMS);
        self.flush_if_full();
    }

    /// Begins a list; its items follow.
    pub(super) fn begin_list(&mut self) {
        self.text.extend_from_slice(&[EMPTY_LIST, MARK]);
    }

    /// Ends a list.
    pub(super) fn end_list(&mut self) {
        self.text.push(APPENDS);
        self.flush_if_full();
    }

    /// Writes a dictionary; `entries` writes alternating keys and values.
    pub(super) fn dict(&mut self, entries: impl FnOnce(&mut Self)) {
        self.begin_dict();
        entries(self);
        self.end_dict();
    }

    /// Writes a list; `items` writes its items.
    pub(super) fn list(&mut self, items: impl FnOnce(&mut Self)) {
        self.begin_list();
        items(self);
        self.end_list();
    }

    /// Memoises the value that was written last.
    pub(super) fn memoize(&mut self) -> Memo {
        let memo = Memo(self.memoized);
        self.memoized += 1;
        self.memo_opcode(BIN_PUT, LONG_BIN_PUT, memo);
        memo
    }

    /// Writes a reference to a memoised value.
    pub(super) fn reference(&mut self, memo: Memo) {
        self.memo_opcode(BIN_GET, LONG_BIN_GET, memo);
    }

    fn memo_opcode(&mut self, short: u8, long: u8, Memo(number): Memo) {
        match u8::try_from(number) {
            Ok(number) => self.text.extend_from_slice(&[short, number]),
            Err(_) => {
                self.text.push(long);
                self.text.extend_from_slice(&number.to_le_bytes());
            }
        }
    }

    /// Writes a fixed key or word of the format, after its first use as a reference.
    pub(super) fn word(&mut self, word: &'static str) {
        match self.texts.get(word) {
            Some(&number) => self.reference(Memo(number)),
            None => {
                self.text(word);
                let Memo(number) = self.memoize();
                self.texts.insert(word, number);
            }
        }
    }

    fn text(&mut self, text: &str) {
        // Text above the format's limit of 4 GiB cannot be a name.
        let text = if u32::try_from(text.len()).is_ok() { text } else { "" };
        self.text.push(BIN_UNICODE);
        // CAST: see above.
        self.text.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.text.extend_from_slice(text.as_bytes());
    }

    /// Writes an integer in as few bytes as possible.
    fn integer(&mut self, number: i64) {
        let out = &mut self.text;
        if let Ok(byte) = u8::try_from(number) {
            out.extend_from_slice(&[BIN_INT_1, byte]);
        } else if let Ok(two) = u16::try_from(number) {
            out.push(BIN_INT_2);
            out.extend_from_slice(&two.to_le_bytes());
        } else if let Ok(four) = i32::try_from(number) {
            out.push(BIN_INT);
            out.extend_from_slice(&four.to_le_bytes());
        } else {
            out.extend_from_slice(&[LONG_1, 8]);
            out.extend_from_slice(&number.to_le_bytes());
        }
    }

    fn unsigned(&mut self, number: u64) {
        self.integer(i64::try_from(number).unwrap_or(i64::MAX));
    }

    /// Writes keys and values into an open dictionary.
    pub(super) fn entries<const N: usize>(&mut self, entries: [(&'static str, Value); N]) {
        for (key, value) in entries {
            self.word(key);
            match value {
                Value::Word(word) => self.word(word),
                Value::Number(number) => self.unsigned(number),
                Value::MinusOne => self.integer(-1),
                Value::Zero => {
                    self.text.push(BIN_FLOAT);
                    self.text.extend_from_slice(&0f64.to_be_bytes());
                }
                Value::No => self.no(),
                Value::Pair(one, other) => {
                    self.unsigned(one);
                    self.unsigned(other);
                    self.text.push(TUPLE_2);
                }
                Value::EmptyList => self.list(|_| {}),
                Value::EmptyDict => self.dict(|_| {}),
            }
        }
    }

    fn no(&mut self) {
        self.text.push(NEW_FALSE);
    }

    fn flush_if_full(&mut self) {
        if self.text.len() >= BUFFER {
            self.write_out();
        }
    }

    fn write_out(&mut self) {
        if self.failed.is_none() {
            self.failed = self.out.write_all(&self.text).err();
        }
        self.text.clear();
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn pickled(write: impl FnOnce(&mut Pickle<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut pickle = Pickle::new(&mut out);
        write(&mut pickle);
        pickle.finish().unwrap();
        out
    }

    #[test]
    fn integers_take_the_bytes_that_python_gives_them() {
        assert_eq!(pickled(|p| p.integer(255)), b"\x80\x02K\xff.");
        assert_eq!(pickled(|p| p.integer(256)), b"\x80\x02M\x00\x01.");
        assert_eq!(pickled(|p| p.integer(-1)), b"\x80\x02J\xff\xff\xff\xff.");
        assert_eq!(pickled(|p| p.unsigned(u64::MAX)), b"\x80\x02\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f.");
    }

    #[test]
    fn a_word_is_written_once() {
        let twice = pickled(|p| {
            p.list(|p| {
                p.word("addr");
                p.word("addr");
            });
        });
        assert_eq!(twice, b"\x80\x02](X\x04\0\0\0addrq\0h\0e.");
    }

    #[test]
    fn the_257th_memo_takes_four_bytes() {
        let many = pickled(|p| {
            p.list(|p| {
                for _ in 0..=256 {
                    p.no();
                    p.memoize();
                }
                p.reference(Memo(256));
            });
        });
        assert!(many.ends_with(b"\x89r\0\x01\0\0j\0\x01\0\0e."));
    }
}
