//! Interprets the arguments of an attribute or a block macro: the name, the description of a call,
//! and the path of the runtime.
//!
//! Each argument is checked on its own and all mistakes are reported. This module does not look at
//! the function.

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{Expr, Path};

use crate::arguments::{Argument, Value};
use crate::kind::{Form, form};
use crate::mistakes::Mistakes;
use crate::name::{self, Name};
use crate::nearest::nearest;

/// The options of one attribute or block macro.
#[derive(Default)]
pub(crate) struct Options {
    /// Name of the site; the function's own name if absent.
    pub(crate) name: Option<Name>,
    pub(crate) description: Description,
    /// The option `value`: the return value is no future.
    pub(crate) value: Option<Ident>,
    /// Path of the runtime, if it is not `::profiler_runtime`.
    pub(crate) krate: Option<Path>,
}

/// Properties of a call that are recorded besides its time.
#[derive(Default)]
pub(crate) struct Description {
    /// Inputs whose shapes an op records.
    pub(crate) shapes: Vec<Value>,
    /// Number of floating point operations of an op's call.
    pub(crate) flops: Option<Value>,
    /// Index of a step.
    pub(crate) index: Option<Value>,
    /// User-defined integer arguments, by name.
    pub(crate) arguments: Vec<(String, Value)>,
}

impl Description {
    pub(crate) fn is_empty(&self) -> bool {
        self.shapes.is_empty() && self.flops.is_none() && self.index.is_none() && self.arguments.is_empty()
    }
}

/// Names that the trace itself writes or that its readers look for, which a user-defined argument
/// must not have.
pub(crate) const RESERVED: [&str; 30] = [
    "Addr",
    "Bytes",
    "began_before",
    "block",
    "busy_us",
    "bytes",
    "cancelled",
    "cbid",
    "context",
    "correlation",
    "cpu_time_us",
    "cuda_sync_kind",
    "device",
    "flops",
    "fromDevice",
    "grid",
    "index",
    "overhead",
    "polls",
    "priority",
    "queued",
    "request_id",
    "step",
    "stream",
    "task",
    "toDevice",
    "unfinished",
    "wait_on_cuda_event_id",
    "wait_on_cuda_event_record_corr_id",
    "wait_on_stream",
];

/// Interprets the arguments.
pub(crate) fn read(form: Form, arguments: Vec<Argument>, mistakes: &mut Mistakes) -> Options {
    let mut reader = Reader { form, mistakes, seen: Vec::new(), options: Options::default() };
    for (position, argument) in arguments.into_iter().enumerate() {
        reader.take(position, argument);
    }
    reader.options
}

struct Reader<'a> {
    form: Form,
    mistakes: &'a mut Mistakes,
    seen: Vec<String>,
    options: Options,
}

impl Reader<'_> {
    fn take(&mut self, position: usize, argument: Argument) {
        match argument {
            Argument::Positional(value) => self.positional(position, value),
            Argument::Bare(key) => self.bare(position, &key),
            Argument::Assigned(key, value) if self.admits(&key) => self.assigned(&key, value),
            Argument::Listed(key, values) if self.admits(&key) => self.listed(&key, values),
            Argument::Named(key, values) if self.admits(&key) => self.named(&key, values),
            Argument::Assigned(..) | Argument::Listed(..) | Argument::Named(..) => {}
        }
    }

    fn positional(&mut self, position: usize, value: Value) {
        if position > 0 && self.form.takes_expression(position) {
            self.seen.push("index".to_owned());
            self.options.description.index = Some(value);
        } else if position > 0 && name::string(&value.expression).is_some() {
            let example = self.form.written_with("\"…\", …");
            self.mistakes.at(value, format!("the name comes first, as in `{example}`"));
        } else {
            self.seen.push("name".to_owned());
            self.name(value);
        }
    }

    /// Reads a key without a value. Only the key `value` is complete without one; an unknown key
    /// may be a constant, or a name without its quotes.
    fn bare(&mut self, position: usize, key: &Ident) {
        let text = key.to_string();
        if position == 0 && name::is_constant(key) {
            self.positional(position, Value::of_ident(key));
        } else if self.form.taking(&text).is_some() {
            if text == "value" && self.admits(key) {
                self.options.value = Some(key.clone());
            } else if text != "value" && self.admits(key) {
                self.mistakes.at(key, format!("`{text}` needs a value: write `{}`", form(&text)));
            }
        } else if self.form.is_block() || nearest(&text, self.form.options()).is_some() {
            self.admits(key);
        } else {
            let example = self.form.written_with(&format!("\"{text}\""));
            self.mistakes.at(
                key,
                format!("unknown option `{text}`: if it is meant as the name, put it in quotes, as in `{example}`"),
            );
        }
    }

    /// Returns whether `key` is an option of this attribute that has not been given yet; reports a
    /// mistake if not.
    fn admits(&mut self, key: &Ident) -> bool {
        let text = key.to_string();
        if self.seen.contains(&text) {
            self.mistakes.at(key, format!("`{text}` is given twice: keep one of them"));
            return false;
        }
        if self.form.options().any(|option| option == text) {
            self.seen.push(text);
            return true;
        }
        let (written, takes) = (self.form.written(), self.form.options_phrase());
        let sentence = if let Some(other) = self.form.taking(&text) {
            format!("`{text}` is an option of `{}`: `{written}` takes {takes}", other.written())
        } else if let Some(near) = nearest(&text, self.form.options()) {
            format!("unknown option `{text}`: did you mean `{near}`?")
        } else {
            format!("unknown option `{text}`: `{written}` takes {takes}")
        };
        self.mistakes.at(key, sentence);
        false
    }

    fn assigned(&mut self, key: &Ident, value: Value) {
        match key.to_string().as_str() {
            "name" => self.name(value),
            "flops" => self.options.description.flops = Some(value),
            "index" => self.options.description.index = Some(value),
            "crate" => self.krate(value.expression),
            _ => self.wrong_form(key),
        }
    }

    fn listed(&mut self, key: &Ident, values: Vec<Value>) {
        let noun = match key.to_string().as_str() {
            "shapes" => "input",
            "args" if values.is_empty() => "argument",
            _ => return self.wrong_form(key),
        };
        if values.is_empty() {
            let form = form(&key.to_string());
            self.mistakes.at(key, format!("`{key}()` lists no {noun}: write `{form}`, or leave it out"));
        } else {
            self.options.description.shapes = values;
        }
    }

    fn named(&mut self, key: &Ident, values: Vec<(Ident, Value)>) {
        if key != "args" {
            return self.wrong_form(key);
        }
        for (name, value) in values {
            let text = name.unraw().to_string();
            if self.options.description.arguments.iter().any(|(known, _)| *known == text) {
                self.mistakes.at(&name, format!("the argument `{text}` is given twice: keep one of them"));
            } else if RESERVED.contains(&&*text) {
                self.mistakes.at(
                    &name,
                    format!("the trace itself writes `{text}`: choose another name, as in `args(my_{text} = …)`"),
                );
            }
            self.options.description.arguments.push((text, value));
        }
    }

    fn wrong_form(&mut self, key: &Ident) {
        self.mistakes.at(key, format!("`{key}` is written `{}`", form(&key.to_string())));
    }

    fn name(&mut self, value: Value) {
        match Name::read(self.form, value) {
            Ok(name) => self.options.name = Some(name),
            Err(error) => self.mistakes.add(error),
        }
    }

    fn krate(&mut self, value: Expr) {
        match value {
            Expr::Path(path) if path.qself.is_none() => self.options.krate = Some(path.path),
            Expr::Group(group) => self.krate(*group.expr),
            Expr::Lit(_) => {
                self.mistakes.at(value, format!("the crate is a path without quotes, as in `{}`", form("crate")))
            }
            other => self.mistakes.at(other, format!("the crate must be a path, as in `{}`", form("crate"))),
        }
    }
}
