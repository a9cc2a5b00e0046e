//! Weights in safetensors files: reads the headers when it opens them, and each tensor on request.
//!
//! A component of the real model has tens of gigabytes. Reading tensor by tensor keeps only one
//! extra tensor in memory, needs no memory map (which would be `unsafe`), and lets every error name
//! its file and tensor.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use candle_core::{DType, Device, Error as TensorError, Result as TensorResult, Shape, Tensor};
use candle_nn::Init;
use candle_nn::var_builder::SimpleBackend;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::{Error, Result};

/// The format's limit; a larger value means that the length is corrupt.
const MAX_HEADER_BYTES: u64 = 100_000_000;

/// An open safetensors file, with the position at which its tensors begin.
struct Shard {
    path: PathBuf,
    file: Mutex<File>,
    tensors_at: u64,
}

/// The tensors of one component, in one file or several shards.
pub(crate) struct Checkpoint {
    folder: PathBuf,
    shards: Vec<Shard>,
    tensors: HashMap<String, (usize, TensorInfo)>,
}

impl Checkpoint {
    /// Reads the headers of `files`, and checks that every file has the length that its header
    /// implies.
    pub(crate) fn open(folder: &Path, files: &[PathBuf]) -> Result<Self> {
        let mut checkpoint = Self { folder: folder.to_owned(), shards: Vec::new(), tensors: HashMap::new() };
        for path in files {
            let (shard, header) = open_shard(path)?;
            let index = checkpoint.shards.len();
            checkpoint.shards.push(shard);
            let tensors = header.tensors().into_iter().map(|(name, info)| (name, (index, info.clone())));
            checkpoint.tensors.extend(tensors);
        }
        Ok(checkpoint)
    }

    fn find(&self, name: &str) -> TensorResult<(&Shard, &TensorInfo)> {
        let found = self.tensors.get(name).and_then(|(shard, info)| Some((self.shards.get(*shard)?, info)));
        found.ok_or_else(|| {
            let folder = self.folder.display();
            TensorError::Msg(format!("`{folder}` has no tensor `{name}`: these are not the weights of this model"))
        })
    }
}

impl Shard {
    fn read(&self, name: &str, info: &TensorInfo) -> TensorResult<Tensor> {
        let (begin, end) = info.data_offsets;
        let mut bytes = vec![0; end - begin];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.seek(SeekFrom::Start(self.tensors_at + begin as u64)).and_then(|_| file.read_exact(&mut bytes));
        read.map_err(|cause| {
            TensorError::Msg(format!("cannot read the tensor `{name}` of `{}`: {cause}", self.path.display()))
        })?;
        Tensor::from_raw_buffer(&bytes, info.dtype.try_into()?, &info.shape, &Device::Cpu)
    }
}

fn open_shard(path: &Path) -> Result<(Shard, Metadata)> {
    let unreadable = |source| Error::Read { path: path.to_owned(), source };
    let corrupt = |problem: String| Error::CorruptWeights { path: path.to_owned(), problem };

    let mut file = File::open(path).map_err(unreadable)?;
    let file_bytes = file.metadata().map_err(unreadable)?.len();
    let mut length = [0; 8];
    file.read_exact(&mut length).map_err(|_| corrupt(format!("it has only {file_bytes} bytes")))?;
    let header_bytes = u64::from_le_bytes(length);
    if header_bytes > MAX_HEADER_BYTES.min(file_bytes - 8) {
        return Err(corrupt(format!("its header claims {header_bytes} bytes of the file's {file_bytes}")));
    }
    let mut header = vec![0; header_bytes as usize];
    file.read_exact(&mut header).map_err(unreadable)?;
    let header: Metadata =
        serde_json::from_slice(&header).map_err(|cause| corrupt(format!("its header is invalid: {cause}")))?;
    let tensors_at = 8 + header_bytes;
    let expected = tensors_at + header.data_len() as u64;
    if expected != file_bytes {
        return Err(corrupt(format!("it has {file_bytes} bytes where its header describes {expected}")));
    }
    Ok((Shard { path: path.to_owned(), file: Mutex::new(file), tensors_at }, header))
}

impl SimpleBackend for Checkpoint {
    fn get(&self, shape: Shape, name: &str, _: Init, dtype: DType, device: &Device) -> TensorResult<Tensor> {
        let (_, info) = self.find(name)?;
        if info.shape != shape.dims() {
            return Err(TensorError::Msg(format!(
                "the tensor `{name}` in `{}` has the shape {:?} where the model's config.json asks for {:?}",
                self.folder.display(),
                info.shape,
                shape.dims()
            )));
        }
        self.get_unchecked(name, dtype, device)
    }

    fn get_unchecked(&self, name: &str, dtype: DType, device: &Device) -> TensorResult<Tensor> {
        let (shard, info) = self.find(name)?;
        // Converted before the transfer, so that the device never holds both dtypes.
        shard.read(name, info)?.to_dtype(dtype)?.to_device(device)
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }
}
