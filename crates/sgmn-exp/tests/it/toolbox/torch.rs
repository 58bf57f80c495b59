//! Writes PyTorch archives as `torch.save` does: an ordered dictionary of f32 tensors, each with a storage of its own.

use std::{io::Write, path::Path};

use candle_core::Tensor;
use zip::{CompressionMethod, ZipWriter, write::SimpleFileOptions};

/// Writes tensors below the given keys, outermost first.
pub(super) fn write(path: &Path, under: &[&str], tensors: &[(String, Tensor)]) {
    let mut pickle = vec![0x80, 2];
    for key in under {
        pickle.extend(b"}(");
        text(&mut pickle, key);
    }
    pickle.extend(b"ccollections\nOrderedDict\n)R(");
    for (number, (name, tensor)) in tensors.iter().enumerate() {
        text(&mut pickle, name);
        pickle.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(&mut pickle, "storage");
        pickle.extend(b"ctorch\nFloatStorage\n");
        text(&mut pickle, &number.to_string());
        text(&mut pickle, "cpu");
        int(&mut pickle, tensor.elem_count());
        // The persistent id, the offset, then shape and strides as tuples.
        pickle.extend(b"tQ");
        int(&mut pickle, 0);
        for sizes in [tensor.dims(), tensor.stride()] {
            pickle.push(b'(');
            sizes.iter().for_each(|size| int(&mut pickle, *size));
            pickle.push(b't');
        }
        // No gradient is demanded, and there are no hooks.
        pickle.extend(b"\x89ccollections\nOrderedDict\n)RtR");
    }
    pickle.push(b'u');
    pickle.extend(under.iter().map(|_| b'u'));
    pickle.push(b'.');

    let mut zip = ZipWriter::new(std::fs::File::create(path).unwrap());
    let mut entry = |name: &str, bytes: &[u8]| {
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        zip.start_file(format!("archive/{name}"), options).unwrap();
        zip.write_all(bytes).unwrap();
    };
    entry("data.pkl", &pickle);
    entry("byteorder", b"little");
    for (number, (_, tensor)) in tensors.iter().enumerate() {
        let values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        entry(&format!("data/{number}"), &bytes);
    }
    entry("version", b"3\n");
    zip.finish().unwrap();
}

fn text(pickle: &mut Vec<u8>, text: &str) {
    pickle.push(b'X');
    pickle.extend((text.len() as u32).to_le_bytes());
    pickle.extend(text.as_bytes());
}

fn int(pickle: &mut Vec<u8>, number: usize) {
    pickle.push(b'J');
    pickle.extend((number as i32).to_le_bytes());
}
