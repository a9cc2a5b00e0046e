//! Reads the pickles that the profiler writes, restricted to the opcodes that MemoryViz.js
//! supports.

use serde_json::{Map, Value};

/// Returns the pickled value, with tuples as arrays.
pub fn unpickle(bytes: &[u8]) -> Value {
    Reader { bytes, stack: Vec::new(), marks: Vec::new(), memo: Vec::new() }.read()
}

struct Reader<'a> {
    bytes: &'a [u8],
    stack: Vec<Value>,
    marks: Vec<usize>,
    memo: Vec<Value>,
}

impl Reader<'_> {
    fn read(mut self) -> Value {
        loop {
            let [opcode] = self.take();
            match opcode {
                0x80 => assert_eq!(self.take(), [2], "protocol 2"),
                b'.' => {
                    assert!(self.bytes.is_empty() && self.stack.len() == 1, "nothing is left over");
                    return self.stack.remove(0);
                }
                b'(' => self.marks.push(self.stack.len()),
                0x89 => self.stack.push(false.into()),
                b'K' => self.integer(|[byte]: [u8; 1]| byte.into()),
                b'M' => self.integer(|bytes| u16::from_le_bytes(bytes).into()),
                b'J' => self.integer(|bytes| i32::from_le_bytes(bytes).into()),
                0x8a => {
                    assert_eq!(self.take(), [8], "integers have at most 8 bytes");
                    self.integer(i64::from_le_bytes);
                }
                b'G' => {
                    let number = f64::from_be_bytes(self.take());
                    self.stack.push(number.into());
                }
                b'X' => self.text(),
                b']' => self.stack.push(Value::Array(Vec::new())),
                b'}' => self.stack.push(Value::Object(Map::new())),
                b'e' => {
                    let items = self.marked();
                    self.stack.last_mut().unwrap().as_array_mut().unwrap().extend(items);
                }
                b'u' => self.set_items(),
                0x86 => {
                    let pair = self.stack.split_off(self.stack.len() - 2);
                    self.stack.push(Value::Array(pair));
                }
                b'q' => {
                    let [at] = self.take();
                    self.put(at.into());
                }
                b'r' => {
                    let at = u32::from_le_bytes(self.take());
                    self.put(at as usize);
                }
                b'h' => {
                    let [at] = self.take();
                    self.stack.push(self.memo[usize::from(at)].clone());
                }
                b'j' => {
                    let at = u32::from_le_bytes(self.take());
                    self.stack.push(self.memo[at as usize].clone());
                }
                other => panic!("MemoryViz.js does not support the opcode {other:#x}"),
            }
        }
    }

    fn take<const COUNT: usize>(&mut self) -> [u8; COUNT] {
        let (taken, rest) = self.bytes.split_first_chunk().expect("more bytes");
        self.bytes = rest;
        *taken
    }

    fn integer<const COUNT: usize>(&mut self, number: impl FnOnce([u8; COUNT]) -> i64) {
        let number = number(self.take());
        self.stack.push(number.into());
    }

    fn text(&mut self) {
        let length = u32::from_le_bytes(self.take()) as usize;
        let (text, rest) = self.bytes.split_at(length);
        self.bytes = rest;
        self.stack.push(std::str::from_utf8(text).expect("UTF-8").into());
    }

    fn marked(&mut self) -> Vec<Value> {
        self.stack.split_off(self.marks.pop().expect("a mark"))
    }

    fn set_items(&mut self) {
        let items = self.marked();
        let dict = self.stack.last_mut().unwrap().as_object_mut().unwrap();
        for pair in items.chunks(2) {
            dict.insert(pair[0].as_str().expect("a key").to_owned(), pair[1].clone());
        }
    }

    fn put(&mut self, at: usize) {
        assert_eq!(at, self.memo.len(), "memos are numbered in order");
        self.memo.push(self.stack.last().unwrap().clone());
    }
}
