//! A student's file: safetensors, with one entry of metadata that holds everything about the student as
//! JSON. One entry, because the order of several is not fixed and the same student must give the same
//! bytes. Nothing is executed on load, and no size in the file is trusted before it is checked.

use std::{borrow::Cow, collections::HashMap};

use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::{error::LoadError, labels};

/// Bytes of a file at most. A student larger than this belongs on a server of its own.
pub const MAX_FILE_BYTES: usize = 256 << 20;

/// The metadata's one key.
const KEY: &str = "outlast_student";

/// The version of this layout; a file of another is refused.
const FORMAT: u32 = 1;

/// No weight, scale or score of a fit comes near this.
const LARGEST_NUMBER: f32 = 1e6;

/// What a file says of its student.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Header<Settings> {
    format: u32,
    pub(crate) family: String,
    pub(crate) labels: Vec<String>,
    pub(crate) temperature: f32,
    /// What the family must know to read its tensors.
    pub(crate) settings: Settings,
}

impl<Settings> Header<Settings> {
    pub(crate) fn new(
        family: &str,
        labels: &[String],
        temperature: f32,
        settings: Settings,
    ) -> Self {
        let labels = labels.to_vec();
        Self { format: FORMAT, family: family.to_owned(), labels, temperature, settings }
    }
}

/// As much of a header as tells whose it is.
#[derive(Deserialize)]
struct AnyHeader {
    family: String,
}

/// A tensor on its way into a file.
#[derive(Debug)]
pub(crate) struct Tensor {
    pub(crate) name: &'static str,
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl Tensor {
    pub(crate) fn floats(name: &'static str, values: &[f32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name, dtype: Dtype::F32, shape: vec![values.len()], bytes }
    }

    pub(crate) fn numbers(name: &'static str, values: &[u32]) -> Self {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Self { name, dtype: Dtype::U32, shape: vec![values.len()], bytes }
    }

    pub(crate) fn small_integers(name: &'static str, values: &[i8], columns: usize) -> Self {
        let bytes = values.iter().map(|value| value.to_le_bytes()[0]).collect();
        Self { name, dtype: Dtype::I8, shape: vec![values.len() / columns, columns], bytes }
    }
}

impl View for &Tensor {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

/// The bytes of a file.
pub(crate) fn write<Settings: Serialize>(header: &Header<Settings>, tensors: &[Tensor]) -> Vec<u8> {
    let text = serde_json::to_string(header).expect("a header is plain data");
    let metadata = HashMap::from([(KEY.to_owned(), text)]);
    let named = tensors.iter().map(|tensor| (tensor.name, tensor));
    safetensors::serialize(named, Some(metadata)).expect("the tensors' sizes fit their shapes")
}

/// A file that is being read.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    header: String,
    tensors: SafeTensors<'a>,
}

impl<'a> Reading<'a> {
    pub(crate) fn new(file: &'a [u8]) -> Result<Self, LoadError> {
        if file.len() > MAX_FILE_BYTES {
            return Err(LoadError::TooLarge { bytes: file.len(), limit: MAX_FILE_BYTES });
        }
        let broken =
            |error: safetensors::SafeTensorError| LoadError::NotSafetensors(error.to_string());
        let (_, metadata) = SafeTensors::read_metadata(file).map_err(broken)?;
        let header = metadata.metadata().as_ref().and_then(|entries| entries.get(KEY));
        let header = header.ok_or(LoadError::NotAStudent)?.clone();
        Ok(Self { header, tensors: SafeTensors::deserialize(file).map_err(broken)? })
    }

    /// The family that the header names.
    pub(crate) fn family(&self) -> Result<String, LoadError> {
        let header = serde_json::from_str::<AnyHeader>(&self.header);
        header.map(|header| header.family).map_err(|_| LoadError::NotAStudent)
    }

    /// The header of a student of this family, checked.
    pub(crate) fn header<Settings: for<'de> Deserialize<'de>>(
        &self,
        family: &str,
    ) -> Result<Header<Settings>, LoadError> {
        let found = self.family()?;
        if found != family {
            return Err(LoadError::OtherFamily { found, expected: format!("`{family}`") });
        }
        let header: Header<Settings> = serde_json::from_str(&self.header)
            .map_err(|error| LoadError::Damaged(format!("its header: {error}")))?;
        if header.format != FORMAT {
            let message = format!("its layout has version {}, not {FORMAT}", header.format);
            return Err(LoadError::Damaged(message));
        }
        if !labels::well_formed(&header.labels) {
            return Err(LoadError::Damaged(
                "its labels are not a sorted list of two or more".into(),
            ));
        }
        if !(header.temperature.is_finite() && header.temperature > 0.0) {
            return Err(LoadError::Damaged("its temperature is not a positive number".into()));
        }
        Ok(header)
    }

    /// A list of numbers of sensible size, so that no sum of them overflows.
    pub(crate) fn floats(&self, name: &str, length: usize) -> Result<Vec<f32>, LoadError> {
        let bytes = self.bytes(name, Dtype::F32, &[length])?;
        let floats: Vec<f32> =
            bytes.chunks_exact(4).map(|four| f32::from_le_bytes(array(four))).collect();
        if floats.iter().all(|float| float.abs() <= LARGEST_NUMBER) {
            Ok(floats)
        } else {
            Err(LoadError::Damaged(format!("the tensor `{name}` holds a number past all bounds")))
        }
    }

    /// A list of whole numbers of any length.
    pub(crate) fn numbers(&self, name: &str) -> Result<Vec<u32>, LoadError> {
        let length = self.tensors.tensor(name).map_or(0, |tensor| tensor.data().len() / 4);
        let bytes = self.bytes(name, Dtype::U32, &[length])?;
        Ok(bytes.chunks_exact(4).map(|four| u32::from_le_bytes(array(four))).collect())
    }

    /// A matrix of small integers, row after row.
    pub(crate) fn small_integers(
        &self,
        name: &str,
        rows: usize,
        columns: usize,
    ) -> Result<Vec<i8>, LoadError> {
        let bytes = self.bytes(name, Dtype::I8, &[rows, columns])?;
        Ok(bytes.iter().map(|byte| i8::from_le_bytes([*byte])).collect())
    }

    fn bytes(&self, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&'a [u8], LoadError> {
        let tensor = self
            .tensors
            .tensor(name)
            .map_err(|_| LoadError::Damaged(format!("the tensor `{name}` is missing")))?;
        if tensor.dtype() != dtype || tensor.shape() != shape {
            return Err(LoadError::Damaged(format!(
                "the tensor `{name}` is {:?} {:?}, expected {dtype:?} {shape:?}",
                tensor.dtype(),
                tensor.shape()
            )));
        }
        Ok(tensor.data())
    }
}

fn array(four: &[u8]) -> [u8; 4] {
    four.try_into().expect("chunks of exactly four bytes")
}
