//! Writes the tiny model as a Diffusers directory, with Diffusers' list of files, tensors and
//! shapes.
//!
//! The values come from a second implementation of the formula, so that the tests check the
//! library's.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

use candle_core::{Device, Tensor, safetensors};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct Model {
    files: BTreeMap<String, Value>,
    tensors: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
}

/// Writes the directory, with each component in `shards` files, and an index if there is more than
/// one.
pub(crate) fn write(root: &Path, shards: usize) {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let listing = fs::read(package.join("tests/golden/model.json")).unwrap();
    let model: Model = serde_json::from_slice(&listing).unwrap();
    for (path, content) in &model.files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content.to_string()).unwrap();
    }
    fs::create_dir_all(root.join("tokenizer")).unwrap();
    let tokenizer = package.join("assets/tokenizer.json");
    fs::copy(tokenizer, root.join("tokenizer/tokenizer.json")).unwrap();
    for (component, tensors) in &model.tensors {
        write_component(&root.join(component), component, tensors, shards);
    }
}

fn write_component(folder: &Path, component: &str, tensors: &BTreeMap<String, Vec<usize>>, shards: usize) {
    let stem = if component == "text_encoder" { "model" } else { "diffusion_pytorch_model" };
    let file = |shard: usize| match shards {
        1 => format!("{stem}.safetensors"),
        _ => format!("{stem}-{:05}-of-{shards:05}.safetensors", shard + 1),
    };
    let mut contents: Vec<HashMap<String, Tensor>> = vec![HashMap::new(); shards];
    let mut weight_map = BTreeMap::new();
    for (i, (name, shape)) in tensors.iter().enumerate() {
        let tensor = Tensor::from_vec(values(component, name, shape), shape.as_slice(), &Device::Cpu).unwrap();
        contents[i % shards].insert(name.clone(), tensor);
        weight_map.insert(name, file(i % shards));
    }
    for (shard, tensors) in contents.iter().enumerate() {
        safetensors::save(tensors, folder.join(file(shard))).unwrap();
    }
    if shards > 1 {
        let index = json!({ "metadata": {}, "weight_map": weight_map });
        fs::write(folder.join(format!("{stem}.safetensors.index.json")), index.to_string()).unwrap();
    }
}

fn values(component: &str, name: &str, shape: &[usize]) -> Vec<f32> {
    let seed = format!("{component}/{name}")
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3));
    let fan_in: usize = shape[1..].iter().product();
    let (scale, offset) = if name.ends_with("gamma") || (name.ends_with("weight") && shape.len() == 1) {
        (0.1, 1.0)
    } else if name.ends_with("bias") {
        (0.05, 0.0)
    } else if name.ends_with("scale_shift_table") {
        (1.0 / (shape[shape.len() - 1] as f64).sqrt(), 0.0)
    } else if name.ends_with("relative_attention_bias.weight") {
        (0.5, 0.0)
    } else if name.ends_with("shared.weight") {
        (1.0, 0.0)
    } else {
        ((3.0 / fan_in as f64).sqrt(), 0.0)
    };
    let count: usize = shape.iter().product();
    let value = |i: u64| {
        let mut z = seed.wrapping_add(i.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^= z >> 31;
        let unit = (((z >> 40) as i64 - (1 << 23)) as f64 / f64::from(1 << 23)) as f32;
        unit * scale as f32 + offset
    };
    (1..=count as u64).map(value).collect()
}
