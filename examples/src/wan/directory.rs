//! Reads a Diffusers directory, and checks that its files exist and describe the supported model.
//!
//! All assumptions of this pipeline about the architecture are checked here, so that a checkpoint
//! of another Wan model is rejected with a clear error and does not fail later in a matrix product.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::config::{ModelConfig, TransformerConfig};
use crate::{Error, Result};

/// Reads a required file of the model.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|source| missing_or_unreadable(path, source))
}

fn missing_or_unreadable(path: &Path, source: io::Error) -> Error {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => Error::MissingModelFile { path },
        _ => Error::Read { path, source },
    }
}

/// Reads the configuration of every component under `root`.
pub(crate) fn config(root: &Path) -> Result<ModelConfig> {
    let pipeline = [
        ("_class_name", json!("WanImageToVideoPipeline")),
        ("expand_timesteps", json!(false)),
        ("image_encoder", json!([null, null])),
    ];
    let vae = [("is_residual", json!(false)), ("patch_size", Value::Null), ("attn_scales", json!([]))];
    let scheduler = [
        ("prediction_type", json!("flow_prediction")),
        ("use_flow_sigmas", json!(true)),
        ("solver_order", json!(2)),
        ("solver_type", json!("bh2")),
    ];
    parse::<Value>(&root.join("model_index.json"), &pipeline)?;
    Ok(ModelConfig {
        text_encoder: parse(&root.join("text_encoder").join("config.json"), &[("model_type", json!("umt5"))])?,
        transformer: transformer(&root.join("transformer"))?,
        transformer_2: transformer(&root.join("transformer_2"))?,
        vae: parse(&root.join("vae").join("config.json"), &vae)?,
        scheduler: parse(&root.join("scheduler").join("scheduler_config.json"), &scheduler)?,
    })
}

fn transformer(folder: &Path) -> Result<TransformerConfig> {
    let fixed = [
        ("patch_size", json!([1, 2, 2])),
        ("cross_attn_norm", json!(true)),
        ("qk_norm", json!("rms_norm_across_heads")),
        ("image_dim", Value::Null),
        ("added_kv_proj_dim", Value::Null),
    ];
    parse(&folder.join("config.json"), &fixed)
}

/// Parses a JSON file and checks the fields for which this pipeline supports only one value. An
/// absent field counts as having that value, because files of older releases lack newer fields.
fn parse<T: DeserializeOwned>(path: &Path, fixed: &[(&str, Value)]) -> Result<T> {
    let not_usable = |problem| Error::ModelConfig { path: path.to_owned(), problem };
    let json: Value = serde_json::from_slice(&read(path)?).map_err(|cause| not_usable(cause.to_string()))?;
    for (field, expected) in fixed {
        if let Some(found) = json.get(field).filter(|found| *found != expected) {
            return Err(not_usable(format!("`{field}` is {found}, but Wan2.2-I2V-A14B has {expected}")));
        }
    }
    T::deserialize(json).map_err(|cause| not_usable(cause.to_string()))
}

/// Returns the weight files of a component: those listed in its `*.index.json`, else every
/// `*.safetensors` file.
pub(crate) fn weight_files(folder: &Path) -> Result<Vec<PathBuf>> {
    #[derive(Deserialize)]
    struct Index {
        weight_map: std::collections::BTreeMap<String, String>,
    }

    let entries = fs::read_dir(folder).map_err(|source| missing_or_unreadable(folder, source))?;
    let present: BTreeSet<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    let files: BTreeSet<String> = match present.iter().find(|name| name.ends_with(".safetensors.index.json")) {
        Some(index) => parse::<Index>(&folder.join(index), &[])?.weight_map.into_values().collect(),
        None => present.iter().filter(|name| name.ends_with(".safetensors")).cloned().collect(),
    };
    if files.is_empty() {
        return Err(Error::MissingModelFile { path: folder.join("diffusion_pytorch_model.safetensors") });
    }
    match files.iter().find(|name| !present.contains(*name)) {
        Some(missing) => Err(Error::MissingModelFile { path: folder.join(missing) }),
        None => Ok(files.iter().map(|name| folder.join(name)).collect()),
    }
}
