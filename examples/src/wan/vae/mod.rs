//! The video autoencoder (`AutoencoderKLWan`): converts pixels to latents and back, always in f32.
//!
//! It streams: the encoder takes the first frame alone and then groups of four, the decoder takes
//! one latent frame at a time, and every temporal convolution keeps its last input frames
//! ([`stream`]). So the layers' memory does not grow with the length of the video.

mod blocks;
mod conv;
mod decoder;
mod encoder;
mod resample;
mod stream;

use candle_core::{Device, Result, Tensor};
use candle_nn::VarBuilder;
use profiler_runtime::profiled_stage;

use self::conv::CausalConv3d;
use self::decoder::Decoder;
use self::encoder::Encoder;
use self::stream::Stream;
use super::config::VaeConfig;
use super::observer::Observer;

/// Number of frames per latent frame, except for the first, which is one frame.
pub(crate) const FRAMES_PER_LATENT: usize = 4;
/// Number of pixels per latent pixel, along each side.
pub(crate) const PIXELS_PER_LATENT: usize = 8;

pub(crate) struct Vae {
    encoder: Encoder,
    quant_conv: CausalConv3d,
    post_quant_conv: CausalConv3d,
    decoder: Decoder,
    mean: Tensor,
    std: Tensor,
    z_dim: usize,
}

impl Vae {
    pub(crate) fn load(config: &VaeConfig, vb: &VarBuilder<'_>) -> Result<Self> {
        let z = config.z_dim;
        let per_channel = |values: &[f32], device: &Device| Tensor::new(values, device)?.reshape((1, z, 1, 1));
        Ok(Self {
            encoder: Encoder::load(config, &vb.pp("encoder"))?,
            quant_conv: CausalConv3d::load(&vb.pp("quant_conv"), 2 * z, 2 * z, [1, 1, 1])?,
            post_quant_conv: CausalConv3d::load(&vb.pp("post_quant_conv"), z, z, [1, 1, 1])?,
            decoder: Decoder::load(config, &vb.pp("decoder"))?,
            mean: per_channel(&config.latents_mean, vb.device())?,
            std: per_channel(&config.latents_std, vb.device())?,
            z_dim: z,
        })
    }

    /// Encodes a picture `[1, 3, H, W]`, followed by zeros up to `frames` frames, to normalised
    /// latents `[latent frames, z_dim, H/8, W/8]`. Takes the mean of the distribution, without
    /// sampling.
    #[profiled_stage("vae.encode")]
    pub(crate) fn encode(&self, picture: &Tensor, frames: usize, observer: &mut dyn Observer) -> Result<Tensor> {
        let mut stream = Stream::default();
        let mut chunks = vec![self.encode_chunk(picture, &mut stream, observer)?];
        let (_, channels, height, width) = picture.dims4()?;
        let blank = Tensor::zeros((FRAMES_PER_LATENT, channels, height, width), picture.dtype(), picture.device())?;
        for _ in 0..frames.saturating_sub(1) / FRAMES_PER_LATENT {
            chunks.push(self.encode_chunk(&blank, &mut stream, observer)?);
        }
        let moments = self.quant_conv.forward(&Tensor::cat(&chunks, 0)?, &mut None)?;
        observer.on_tensor(format_args!("vae.moments"), &moments);
        moments.narrow(1, 0, self.z_dim)?.broadcast_sub(&self.mean)?.broadcast_div(&self.std)
    }

    #[profiled_stage("vae.encode.chunk")]
    fn encode_chunk(&self, frames: &Tensor, stream: &mut Stream, observer: &mut dyn Observer) -> Result<Tensor> {
        let latents = self.encoder.forward(frames, stream, observer)?;
        stream.next_chunk();
        Ok(latents)
    }

    /// Decodes normalised latents to frames `[frames, 3, H, W]` in `[-1, 1]`.
    #[profiled_stage("vae.decode")]
    pub(crate) fn decode(&self, latents: &Tensor, observer: &mut dyn Observer) -> Result<Tensor> {
        let z = latents.broadcast_mul(&self.std)?.broadcast_add(&self.mean)?;
        observer.on_tensor(format_args!("vae.decode.z"), &z);
        let z = self.post_quant_conv.forward(&z, &mut None)?;
        observer.on_tensor(format_args!("vae.dec.post_quant"), &z);
        let mut stream = Stream::default();
        let chunks = (0..z.dim(0)?).map(|i| self.decode_chunk(&z.narrow(0, i, 1)?, &mut stream, observer));
        Tensor::cat(&chunks.collect::<Result<Vec<_>>>()?, 0)?.clamp(-1f32, 1f32)
    }

    #[profiled_stage("vae.decode.chunk")]
    fn decode_chunk(&self, latent: &Tensor, stream: &mut Stream, observer: &mut dyn Observer) -> Result<Tensor> {
        let frames = self.decoder.forward(latent, stream, observer)?;
        stream.next_chunk();
        Ok(frames)
    }
}
