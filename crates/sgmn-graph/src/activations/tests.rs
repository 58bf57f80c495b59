//! Values are those of the formulas, parts and tensors agree with them, words are read back.

use candle_core::{Device, Tensor, Var};

use super::*;
use crate::testing::ACTIVATIONS;

#[test]
fn every_activation_of_the_list_is_tested() {
    assert_eq!(ACTIVATIONS.len(), KNOWN.len());
    for known in KNOWN {
        let activation = (known.make)(1.0);
        let same = |other: &Activation| std::mem::discriminant(other) == std::mem::discriminant(&activation);
        assert_eq!(ACTIVATIONS.iter().filter(|other| same(other)).count(), 1, "{activation:?}");
    }
}

#[test]
fn values_are_those_of_the_formulas_in_pytorch_s_documentation() {
    // At −1.3 and 0.7, computed elsewhere (Python's math).
    for (activation, low, high) in [
        (Activation::Relu, 0.0, 0.7),
        (Activation::LeakyRelu { slope: 0.1 }, -0.13, 0.7),
        (Activation::Tanh, -0.861_723_159_313_306_3, 0.604_367_777_117_163_6),
        (Activation::Sine { omega: 2.0 }, -0.515_501_371_821_464_2, 0.985_449_729_988_460_2),
        (Activation::Silu, -0.278_414_522_044_673_8, 0.467_731_440_517_716_26),
        (Activation::Gelu, -0.125_840_629_961_293_47, 0.530_625_443_443_848_9),
        (Activation::Identity, -1.3, 0.7),
        (Activation::Sigmoid, 0.214_165_016_957_441_4, 0.668_187_772_168_166_2),
        (Activation::Softplus { beta: 2.0 }, 0.035_822_345_983_834_91, 0.810_208_704_959_225_5),
        (Activation::Elu { alpha: 1.0 }, -0.727_468_206_965_987, 0.7),
        (Activation::Selu, -1.278_961_375_154_325_6, 0.735_490_691_148_836_3),
        (Activation::Mish, -0.307_382_464_749_495_9, 0.561_148_377_643_851_8),
        (Activation::Hardswish, -0.368_333_333_333_333_3, 0.431_666_666_666_666_7),
        (Activation::Gaussian, 0.184_519_523_992_989_24, 0.612_626_394_184_416_1),
        (Activation::Relu6, 0.0, 0.7),
    ] {
        for (x, expected) in [(-1.3, low), (0.7, high)] {
            let found = activation.value(x);
            assert!((found - expected).abs() < 2e-15, "{activation} at {x}: {found}");
        }
    }
    assert_eq!([3.5, 7.0].map(|x| Activation::Relu6.value(x)), [3.5, 6.0]);
    assert_eq!([-4.0, 4.0].map(|x| Activation::Hardswish.value(x)), [0.0, 4.0]);
}

#[test]
fn parts_give_the_value_to_the_bit_and_behave_as_they_say() {
    for activation in ACTIVATIONS {
        let Behaviour { degree, parity } = activation.behaviour();
        for x in [-900.0, -7.5, -1.3, -0.01, 0.0, 0.3, 2.9, 6.5, 900.0] {
            let by_parts = activation.parts().into_iter().fold(x, |x, part| match part {
                Part::Times(factor) => x * factor,
                Part::Function(function) => function.value(x),
            });
            let value = activation.value(x);
            assert_eq!(by_parts.to_bits(), value.to_bits(), "{activation} at {x}: {by_parts} {value}");
            match parity {
                Parity::Odd => assert_eq!(activation.value(-x), -value, "{activation} at {x}"),
                Parity::Even => assert_eq!(activation.value(-x), value, "{activation} at {x}"),
                Parity::Neither => {}
            }
            if degree.is_some() {
                assert_eq!((degree, activation.value(4.0 * x)), (Some(1.0), 4.0 * value), "{activation}");
            }
        }
    }
    let of = |parity: Parity| ACTIVATIONS.into_iter().filter(move |a| a.behaviour().parity == parity);
    assert!(of(Parity::Even).eq([Activation::Gaussian]));
    assert_eq!(of(Parity::Odd).count(), 3, "sine, tanh and none");
}

#[test]
fn tensors_agree_with_values_and_their_gradients_with_differences() {
    const STEP: f64 = 1e-6;
    // 0 is where nets without biases look at the origin; kinks have no one slope, and are left out below.
    let places = [-800.0, -90.0, -7.5, -3.5, -1.3, -0.2, 0.0, 0.3, 2.5, 5.5, 7.0, 90.0, 800.0];
    for activation in ACTIVATIONS {
        let x = Var::new(&places, &Device::Cpu).unwrap();
        let y = activation.on_tensor(&x).unwrap();
        let gradients = y.sum_all().unwrap().backward().unwrap();
        let slopes = gradients.get(&x).unwrap().to_vec1::<f64>().unwrap();
        for ((x, y), slope) in places.into_iter().zip(y.to_vec1::<f64>().unwrap()).zip(slopes) {
            let expected = activation.value(x);
            assert!((y - expected).abs() <= 1e-12 * expected.abs().max(1.0), "{activation} at {x}: {y}");
            let [before, after] = [x - STEP, x + STEP].map(|x| activation.value(x));
            let kinked =
                matches!(activation, Activation::Relu | Activation::LeakyRelu { .. } | Activation::Relu6);
            let unequal = matches!(activation, Activation::Elu { .. } | Activation::Selu);
            if x == 0.0 && (kinked || unequal) {
                continue;
            }
            let difference = (after - before) / (2.0 * STEP);
            // Far out, sin(30 x) is known to fewer digits.
            let tolerance = 1e-6 * (1.0 + x.abs());
            assert!((slope - difference).abs() < tolerance, "{activation} at {x}: {slope} {difference}");
        }
        // Not finite only where the value is not: in f32 e^90 is.
        let x = Var::new(&[-120f32, -40.0, 40.0, 120.0], &Device::Cpu).unwrap();
        let y = activation.on_tensor(&x).unwrap();
        let gradients = y.sum_all().unwrap().backward().unwrap();
        let numbers = |tensor: &Tensor| tensor.to_vec1::<f32>().unwrap();
        for values in [numbers(&y), numbers(gradients.get(&x).unwrap())] {
            assert!(values.iter().all(|value| value.is_finite()), "{activation}: {values:?}");
        }
    }
}

#[test]
fn words_are_read_in_every_form() {
    let leaky = |slope| Activation::LeakyRelu { slope };
    let sine = |omega| Activation::Sine { omega };
    for (text, expected) in [
        ("relu", Activation::Relu),
        ("ReLU", Activation::Relu),
        (" RELU ", Activation::Relu),
        ("ReLU(inplace=True)", Activation::Relu),
        ("torch.nn.ReLU()", Activation::Relu),
        ("leaky_relu", leaky(0.01)),
        ("leaky_relu:0.1", leaky(0.1)),
        ("LeakyReLU(0.1)", leaky(0.1)),
        ("LeakyReLU(negative_slope=0.2, inplace=True)", leaky(0.2)),
        ("lrelu:0.3", leaky(0.3)),
        ("sine:30", sine(30.0)),
        ("sin:30", sine(30.0)),
        ("Sine(omega=1.5)", sine(1.5)),
        ("siren", sine(30.0)),
        ("SIREN:25", sine(25.0)),
        ("Tanh()", Activation::Tanh),
        ("logistic", Activation::Sigmoid),
        ("swish", Activation::Silu),
        ("GELU(approximate='none')", Activation::Gelu),
        ("elu", Activation::Elu { alpha: 1.0 }),
        ("ELU(alpha=0.5)", Activation::Elu { alpha: 0.5 }),
        ("Softplus(beta=2.0, threshold=20.0)", Activation::Softplus { beta: 2.0 }),
        ("Hard_Swish", Activation::Hardswish),
        ("relu6", Activation::Relu6),
        ("gauss", Activation::Gaussian),
        ("linear", Activation::Identity),
        ("None", Activation::Identity),
        ("{\"kind\":\"sine\",\"omega\":30}", sine(30.0)),
        ("\"leaky_relu:0.1\"", leaky(0.1)),
    ] {
        assert_eq!(text.parse::<Activation>().unwrap(), expected, "{text}");
    }
    for known in KNOWN {
        for word in known.words {
            let number = if matches!(word.number, Number::None) { "" } else { ":0.5" };
            let found: Activation = format!("{}{number}", word.text).to_uppercase().parse().unwrap();
            assert_eq!(found, (known.make)(0.5));
        }
    }
    for activation in ACTIVATIONS {
        assert_eq!(activation.to_string().parse::<Activation>().unwrap(), activation);
        let json = serde_json::to_string(&activation).unwrap();
        assert_eq!(json.parse::<Activation>().unwrap(), activation, "{json}");
    }
}

#[test]
fn what_is_not_certain_is_asked_for_by_name() {
    let known = "elu:1, gaussian, gauss, gelu, hardswish, hswish, identity, linear, none, leaky_relu:0.01, \
                 lrelu:0.01, mish, relu, relu6, selu, sigmoid, logistic, silu, swish, sine:30, sin:30, siren, \
                 softplus:1, tanh";
    for (text, expected) in [
        ("foo", format!("activation: expected one of {known}, found \"foo\"")),
        ("", format!("activation: expected one of {known}, found \"\"")),
        (
            "sine",
            "activation: expected sine:30 or another omega; a SIREN's is 30, in some nets other layers have 1, \
             found \"sine\""
                .to_owned(),
        ),
        ("relu:2", "activation: expected relu, without a number, found \"relu:2\"".to_owned()),
        ("elu:1,2", "activation: expected elu or elu:1, with one number, its alpha, found \"elu:1,2\"".to_owned()),
        (
            "leaky_relu:x",
            "activation: expected leaky_relu or leaky_relu:0.01, with one number, its slope, found \"leaky_relu:x\""
                .to_owned(),
        ),
        // Another function than GELU.
        (
            "GELU(approximate='tanh')",
            "activation: expected gelu, without a number, found \"GELU(approximate='tanh')\"".to_owned(),
        ),
        ("sine:0", "activation: expected omega of a sine must be finite and not 0, found \"sine:0\"".to_owned()),
        ("relu(", "activation: expected a closing bracket at the end, found \"relu(\"".to_owned()),
    ] {
        assert_eq!(text.parse::<Activation>().unwrap_err().to_string(), expected);
    }
    for text in [
        "sine:nan",
        "sine:inf",
        "softplus:-1",
        "softplus:0",
        "{\"kind\":\"sine\"}",
        "{\"kind\":\"relu\",\"a\":1}",
    ] {
        assert!(text.parse::<Activation>().is_err(), "{text}");
    }
    let long = "a".repeat(1 << 20).parse::<Activation>().unwrap_err().to_string();
    assert!(long.len() < 500);
}

#[test]
fn words_for_layers_must_be_as_many_as_the_layers() {
    let read = |text: &str| text.parse::<ActivationWords>().unwrap();
    assert_eq!(read("relu").for_layers(3).unwrap(), [Activation::Relu; 3]);
    assert_eq!(read("relu").for_layers(0).unwrap(), []);
    let two = [Activation::Sine { omega: 30.0 }, Activation::Sine { omega: 1.0 }];
    assert_eq!(read("sine:30,sine:1").for_layers(2).unwrap(), two);
    assert_eq!(read("sine:30 , Softplus(beta=1.0, threshold=20.0)").words().len(), 2);
    assert_eq!(read("[\"sine:30\", {\"kind\": \"sine\", \"omega\": 1}]").words(), two);
    let message = read("sine:30,sine:1").for_layers(3).unwrap_err().to_string();
    let expected =
        "activation: expected 3 words, one for each hidden layer, or one for all, found 2 (sine:30,sine:1)";
    assert_eq!(message, expected);
    for text in ["", "relu,", "[]", "relu,foo"] {
        assert!(text.parse::<ActivationWords>().is_err(), "{text}");
    }
    assert_eq!(read("siren,none").to_string(), "sine:30,identity");
    for json in ["\"sine:30,sine:1\"", "[\"sine:30\", \"sine:1\"]"] {
        assert_eq!(serde_json::from_str::<ActivationWords>(json).unwrap().words(), two);
    }
    let one: ActivationWords = serde_json::from_str("{\"kind\": \"sine\", \"omega\": 30}").unwrap();
    assert_eq!(serde_json::to_string(&one).unwrap(), "\"sine:30\"");
}
