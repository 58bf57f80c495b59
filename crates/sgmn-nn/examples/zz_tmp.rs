//! tmp
use candle_core::*;
use candle_nn::Module;
fn main() -> Result<()> {
    let t = Tensor::rand(0f32, 1f32, 3, &Device::Cpu)?;
    let t = Tensor::randn(0f32, 1f32, 3, &Device::Cpu)?.add(&t)?.add(&t.rand_like(0., 1.)?)?.add(&t.randn_like(0., 1.)?)?;
    let v = Var::rand(0f32, 1f32, 3, &Device::Cpu)?;
    let w = Var::randn(0f32, 1f32, 3, &Device::Cpu)?;
    let x = candle_nn::ops::layer_norm(&t, &v, &w, 1e-5)?;
    let x = candle_nn::ops::rms_norm(&x, &v, 1e-5)?;
    let x = candle_nn::ops::softmax_last_dim(&x)?;
    let x = candle_nn::ops::dropout(&x, 0.5)?;
    let m = candle_nn::VarMap::new();
    let vb = candle_nn::VarBuilder::from_varmap(&m, DType::F32, &Device::Cpu);
    let x = candle_nn::layer_norm(3, 1e-5, vb.clone())?.forward(&x)?;
    let x = candle_nn::rms_norm(3, 1e-5, vb)?.forward(&x)?;
    let _ = (candle_nn::Dropout::new(0.5), x, std::env::var("A"), std::env::var_os("A"));
    let _ = std::collections::HashSet::<u8>::new();
    Ok(())
}
