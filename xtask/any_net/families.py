"""Writes tiny nets of published families as `transformers` saves them, beside what they compute.

    python families.py OUT       one folder for each net of `NETS`, and adapters of LoRA by `peft`

Each folder has what `save_pretrained` writes, and io.safetensors: inputs by their names, outputs in f64 from the f32
parameters. Where layers of the package go down to f32 (norms, softmax, angles of rotary codes), they are held in f64.
"""
import os
import sys

import torch
import transformers as hf
from peft import LoraConfig, get_peft_model
from peft.tuners.lora import Embedding, LoraLayer
from safetensors.torch import save_file
from torch import Tensor, nn

from write import unsettle

TEXT = {"vocab_size": 40, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4}
LLAMA = TEXT | {"num_key_value_heads": 2, "max_position_embeddings": 64}
GPT2 = {"vocab_size": 40, "n_embd": 16, "n_layer": 2, "n_head": 4, "n_positions": 32}
BERT = TEXT | {"max_position_embeddings": 32}
VIT = {k: v for k, v in TEXT.items() if k != "vocab_size"} | {"image_size": 12, "patch_size": 4}
RESNET = {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [2, 1], "layer_type": "basic"}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 500.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 32}
WINDOWS = {"use_sliding_window": True, "sliding_window": 4, "max_window_layers": 1}

# Name: class of the net, its settings, how many bytes a file of its tensors may have.
NETS = {
    "gpt2": ("GPT2LMHeadModel", hf.GPT2Config(**GPT2), None),
    "gpt2_stem": ("GPT2Model", hf.GPT2Config(**GPT2, activation_function="relu", scale_attn_by_inverse_layer_idx=True), None),
    "llama": ("LlamaForCausalLM", hf.LlamaConfig(**LLAMA), None),
    "llama_tied": ("LlamaForCausalLM", hf.LlamaConfig(**LLAMA, attention_bias=True, mlp_bias=True, tie_word_embeddings=True, rope_parameters=LLAMA3), "8KB"),
    "mistral": ("MistralForCausalLM", hf.MistralConfig(**LLAMA, sliding_window=4, head_dim=6), None),
    "qwen2": ("Qwen2ForCausalLM", hf.Qwen2Config(**LLAMA, **WINDOWS), "8KB"),
    "bert": ("BertModel", hf.BertConfig(**BERT), None),
    "bert_masked": ("BertForMaskedLM", hf.BertConfig(**BERT), None),
    "bert_classes": ("BertForSequenceClassification", hf.BertConfig(**BERT, num_labels=3), None),
    "vit": ("ViTForImageClassification", hf.ViTConfig(**VIT, num_labels=3), None),
    "vit_stem": ("ViTModel", hf.ViTConfig(**VIT, qkv_bias=False), None),
    "resnet": ("ResNetForImageClassification", hf.ResNetConfig(**RESNET, num_labels=3), None),
    "resnet_bottleneck": ("ResNetModel", hf.ResNetConfig(**(RESNET | {"layer_type": "bottleneck", "downsample_in_first_stage": True})), None),
}

# Name of an adapter: the net whose matrices it changes, and its settings.
HEADS = {"target_modules": ["q_proj", "v_proj"], "r": 3, "lora_alpha": 6}
ADAPTERS = {
    "lora": ("llama", HEADS | {"rank_pattern": {"layers.1.self_attn.q_proj": 2}, "alpha_pattern": {"v_proj": 5}}),
    "lora_tables": ("llama", {"target_modules": ["embed_tokens", "gate_proj"], "r": 2, "use_rslora": True}),
    "lora_images": ("resnet", {"target_modules": "resnet.encoder.stages.1.*convolution", "r": 2}),
}

# Places of a text: more than the windows above.
LENGTH = 7


def inputs(config) -> dict[str, Tensor]:
    """One batch of inputs by name."""
    if hasattr(config, "vocab_size"):
        ids = torch.randint(config.vocab_size, (2, LENGTH))
        # Nets with a table of positions: not the first rows.
        places = {"position_ids": torch.arange(3, 3 + LENGTH).expand(2, LENGTH).contiguous()} if config.model_type in ("bert", "gpt2") else {}
        kinds = {"token_type_ids": torch.randint(2, (2, LENGTH))} if config.model_type == "bert" else {}
        return {"input_ids": ids} | places | kinds
    side = getattr(config, "image_size", 24)
    return {"pixel_values": torch.randn(2, 3, side, side)}


def in_f64(net: nn.Module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """What a net answers, with everything that the package would compute in f32 held in f64."""
    kept = torch.float32, torch.float, torch.Tensor.float
    net = net.double().eval()
    try:
        torch.float32 = torch.float = torch.float64
        torch.Tensor.float = torch.Tensor.double
        for name, part in list(net.named_modules()):
            if name.endswith("rotary_emb"):
                net.get_submodule(name.rpartition(".")[0]).rotary_emb = type(part)(config=net.config)
        with torch.no_grad():
            out = net(**{name: x.double() if x.is_floating_point() else x for name, x in given.items()})
    finally:
        torch.float32, torch.float, torch.Tensor.float = kept
    names = ["logits"] if "logits" in out else ["last_hidden_state", "pooler_output"]
    return {name: out[name].contiguous() for name in names if out.get(name) is not None}


def write(folder: str, kind: str, config, limit: str | None):
    """The folder of one net."""
    torch.manual_seed(0)
    given = inputs(config)
    config._attn_implementation = "eager"
    net = getattr(hf, kind)(config)
    with torch.no_grad():
        for p in net.parameters():
            # Fresh nets of text and patches answer with almost the same numbers everywhere.
            if p.dim() > 1 and config.model_type != "resnet":
                p.mul_(8)
    net = unsettle(net, *given.values()) if "pixel_values" in given else unsettle(net, given["input_ids"])
    net.save_pretrained(folder, **({"max_shard_size": limit} if limit else {}))
    drop(folder, "generation_config.json")
    answers = in_f64(net, given)
    save_file({f"in.{k}": v for k, v in given.items()} | {f"out.{k}": v for k, v in answers.items()}, os.path.join(folder, "io.safetensors"))
    size = sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder))
    print(f"{os.path.basename(folder)}: {kind}, {size} bytes, {[tuple(v.shape) for v in answers.values()]}")


def drop(folder: str, name: str):
    """Removes a file that says nothing of the net."""
    if os.path.exists(os.path.join(folder, name)):
        os.remove(os.path.join(folder, name))


def adapt(folder: str, of: str, settings: dict):
    """The folder of one adapter; outputs are those of its updates, on inputs that are random numbers."""
    torch.manual_seed(1)
    kind, config, _ = NETS[of]
    net = get_peft_model(getattr(hf, kind)(config), LoraConfig(**settings))
    pairs = {name.removeprefix("base_model.model."): part for name, part in net.named_modules() if isinstance(part, LoraLayer)}
    with torch.no_grad():
        for name, p in net.named_parameters():
            if "lora_" in name:
                p.copy_(torch.randn_like(p))
    net.save_pretrained(folder)
    drop(folder, "README.md")
    io = {}
    for name, part in pairs.items():
        update = part.double().get_delta_weight("default")
        update = update.T if isinstance(part, Embedding) else update
        x = torch.randn(2, *update.shape[1:])
        io[f"in.{name}"] = x
        y = torch.tensordot(x.double(), update.detach(), dims=[list(range(1, x.dim())), list(range(1, update.dim()))])
        io[f"out.{name}.update"] = y.reshape(*y.shape, *[1] * (x.dim() - 2))
    save_file(io, os.path.join(folder, "io.safetensors"))
    print(f"{os.path.basename(folder)}: {sorted(pairs)}")


def main():
    (out,) = sys.argv[1:]
    for name, (kind, config, limit) in NETS.items():
        write(os.path.join(out, name), kind, config, limit)
    for name, (of, settings) in ADAPTERS.items():
        adapt(os.path.join(out, name), of, settings)


if __name__ == "__main__":
    main()
