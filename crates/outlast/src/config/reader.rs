//! Reading a TOML table key by key, so that every unknown key, wrong type and missing value is found
//! in one pass, each with its place.

use std::{cell::RefCell, ops::Range, rc::Rc};

use toml::{
    Spanned,
    de::{DeArray, DeTable, DeValue},
};

use crate::config::problem::Problem;

/// Names less alike than this are no suggestion.
const ALIKE: f64 = 0.7;

/// The text, for places, and the problems found so far.
#[derive(Debug, Clone)]
pub(crate) struct Findings {
    text: Rc<str>,
    problems: Rc<RefCell<Vec<Problem>>>,
}

impl Findings {
    pub(crate) fn new(text: &str) -> Self {
        Self { text: text.into(), problems: Rc::default() }
    }

    /// Reports a problem at a place in the text.
    pub(crate) fn report(
        &self,
        at: Range<usize>,
        message: impl Into<String>,
        advice: impl Into<String>,
    ) {
        let (line, column) = self.place(at.start);
        let problem = Problem { line, column, message: message.into(), advice: advice.into() };
        self.problems.borrow_mut().push(problem);
    }

    pub(crate) fn take(&self) -> Vec<Problem> {
        self.problems.take()
    }

    fn place(&self, offset: usize) -> (usize, usize) {
        let before = &self.text[..offset.min(self.text.len())];
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |tail| tail.chars().count()) + 1;
        (line, column)
    }
}

/// A table that is being read. `finish` reports the keys that nobody asked for.
pub(crate) struct Section<'t, 'i> {
    what: String,
    table: &'t DeTable<'i>,
    span: Range<usize>,
    known: Vec<&'static str>,
    findings: Findings,
}

impl<'t, 'i> Section<'t, 'i> {
    pub(crate) fn new(
        what: impl Into<String>,
        table: &'t DeTable<'i>,
        span: Range<usize>,
        findings: &Findings,
    ) -> Self {
        Self { what: what.into(), table, span, known: Vec::new(), findings: findings.clone() }
    }

    pub(crate) fn span(&self) -> Range<usize> {
        self.span.clone()
    }

    /// A value of any type, with its place.
    pub(crate) fn value(&mut self, key: &'static str) -> Option<&'t Spanned<DeValue<'i>>> {
        self.known.push(key);
        self.table.get(key)
    }

    /// Whether the key stands here, whatever its value.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Where the value of a key stands.
    pub(crate) fn place(&self, key: &str) -> Option<Range<usize>> {
        self.table.get(key).map(Spanned::span)
    }

    /// Reports what is wrong with the value of a key, where the key stands here.
    pub(crate) fn report(&self, key: &str, message: impl Into<String>, advice: impl Into<String>) {
        if let Some(place) = self.place(key) {
            self.findings.report(place, message, advice);
        }
    }

    pub(crate) fn string(&mut self, key: &'static str) -> Option<Spanned<String>> {
        let value = self.value(key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(Spanned::new(value.span(), text.to_owned())),
            None => self.wrong_type(key, value, "a string in quotes"),
        }
    }

    /// A string that must be there.
    pub(crate) fn required(&mut self, key: &'static str, example: &str) -> Option<Spanned<String>> {
        if !self.table.contains_key(key) {
            self.known.push(key);
            self.findings.report(
                self.span(),
                format!("{} has no `{key}`", self.what),
                format!("add `{key} = {example}`"),
            );
            return None;
        }
        self.string(key)
    }

    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.value(key)?;
        match value.get_ref().as_bool() {
            Some(flag) => Some(flag),
            None => self.wrong_type(key, value, "`true` or `false`"),
        }
    }

    /// A whole number within bounds.
    pub(crate) fn number(&mut self, key: &'static str, bounds: Range<u64>) -> Option<u64> {
        let value = self.value(key)?;
        let number = value.get_ref().as_integer().and_then(|integer| {
            u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix()).ok()
        });
        match number {
            Some(number) if bounds.contains(&number) => Some(number),
            Some(number) => {
                let message = format!("`{key}` is {number}");
                let advice = format!("it may be from {} to {}", bounds.start, bounds.end - 1);
                self.findings.report(value.span(), message, advice);
                None
            }
            None if value.get_ref().is_integer() => {
                let text = value.get_ref().as_integer().map_or("", |integer| integer.as_str());
                let message = format!("`{key}` is {text}");
                let advice = format!("it may be from {} to {}", bounds.start, bounds.end - 1);
                self.findings.report(value.span(), message, advice);
                None
            }
            None => self.wrong_type(key, value, "a whole number"),
        }
    }

    /// A list of whole numbers within bounds.
    pub(crate) fn numbers(&mut self, key: &'static str, bounds: Range<u64>) -> Option<Vec<u64>> {
        let value = self.value(key)?;
        let wanted = format!("a list of whole numbers from {} to {}", bounds.start, bounds.end - 1);
        let Some(array) = value.get_ref().as_array() else {
            return self.wrong_type(key, value, &wanted);
        };
        let number = |item: &Spanned<DeValue<'_>>| {
            let integer = item.get_ref().as_integer()?;
            let number = u64::from_str_radix(&integer.as_str().replace('_', ""), integer.radix());
            number.ok().filter(|number| bounds.contains(number))
        };
        let numbers = array.iter().map(|item| {
            number(item).or_else(|| {
                let message = format!("`{key}` holds something else than {wanted}");
                self.findings.report(item.span(), message, String::new());
                None
            })
        });
        numbers.collect()
    }

    /// A number that may have decimals, at least 0.
    pub(crate) fn decimal(&mut self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        let text = match value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => Some(integer.as_str()),
            DeValue::Float(float) => Some(float.as_str()),
            _ => None,
        };
        match text
            .map(|text| text.replace('_', ""))
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.'))
        {
            Some(text) => Some(text),
            None => self.wrong_type(key, value, "a decimal number of at least 0"),
        }
    }

    pub(crate) fn strings(&mut self, key: &'static str) -> Option<Vec<Spanned<String>>> {
        let value = self.value(key)?;
        let Some(array) = value.get_ref().as_array() else {
            return self.wrong_type(key, value, "a list of strings in quotes");
        };
        let texts = array.iter().filter_map(|item| match item.get_ref().as_str() {
            Some(text) => Some(Spanned::new(item.span(), text.to_owned())),
            None => self.wrong_type(key, item, "a list of strings in quotes"),
        });
        Some(texts.collect())
    }

    /// A table inside this one.
    pub(crate) fn section(&mut self, key: &'static str) -> Option<Section<'t, 'i>> {
        let value = self.value(key)?;
        match value.get_ref().as_table() {
            Some(table) => {
                Some(Section::new(format!("[{key}]"), table, value.span(), &self.findings))
            }
            None => self.wrong_type(key, value, &format!("a table: [{key}]")),
        }
    }

    /// The tables of `[[key]]`.
    pub(crate) fn sections(&mut self, key: &'static str) -> Vec<Section<'t, 'i>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let tables = |array: &'t DeArray<'i>| -> Option<Vec<Section<'t, 'i>>> {
            array
                .iter()
                .map(|item| {
                    let table = item.get_ref().as_table()?;
                    Some(Section::new(
                        format!("this [[{key}]]"),
                        table,
                        item.span(),
                        &self.findings,
                    ))
                })
                .collect()
        };
        value.get_ref().as_array().and_then(tables).unwrap_or_else(|| {
            self.wrong_type::<()>(key, value, &format!("tables: [[{key}]]"));
            Vec::new()
        })
    }

    /// Reports every key that nobody asked for, with the nearest known one.
    pub(crate) fn finish(self) {
        for key in self.table.keys() {
            let name: &str = key.get_ref().as_ref();
            if self.known.contains(&name) {
                continue;
            }
            let advice = nearest(name, self.known.iter().copied()).map_or_else(
                || format!("known keys of {}: {}", self.what, self.known.join(", ")),
                |known| format!("did you mean `{known}`?"),
            );
            self.findings.report(
                key.span(),
                format!("unknown key `{name}` in {}", self.what),
                advice,
            );
        }
    }

    fn wrong_type<T>(&self, key: &str, value: &Spanned<DeValue<'_>>, wanted: &str) -> Option<T> {
        let message =
            format!("`{key}` is {} where {wanted} is wanted", article(value.get_ref().type_str()));
        self.findings.report(value.span(), message, String::new());
        None
    }
}

fn article(kind: &str) -> String {
    let vowel = kind.starts_with(['a', 'e', 'i', 'o', 'u']);
    format!("{} {kind}", if vowel { "an" } else { "a" })
}

/// The known name that is most like `name`, if one is alike enough.
pub(crate) fn nearest<'k>(name: &str, known: impl Iterator<Item = &'k str>) -> Option<&'k str> {
    known
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}
