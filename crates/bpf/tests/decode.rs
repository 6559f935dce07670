//! Every form of a program, and input that is none.

use callgate_bpf::{
    CheckError, DecodeError, Decoded, Form, Instruction, Program, TEXT_LEN_MAX, Unsupported, decode,
};
use callgate_syscalls::Endian;
use callgate_testkit::{Rng, program};

const ALLOW_LITTLE: [u8; 8] = [6, 0, 0, 0, 0, 0, 0xff, 0x7f];

#[test]
fn raw_programs_survive_in_both_byte_orders_which_are_never_confused() {
    let mut rng = Rng::with_seed(5);
    for _ in 0..2_000 {
        let program = program::program(&mut rng, 30);
        for (endian, other) in [(Endian::Little, Endian::Big), (Endian::Big, Endian::Little)] {
            let bytes = program.to_bytes(endian);
            assert!(Program::from_bytes(&bytes, other).is_err());
            let decoded = Decoded { program: program.clone(), endian, form: Form::Raw };
            assert_eq!(decode(&bytes), Ok(decoded));
            let hex: String = bytes.iter().map(|byte| format!("{byte:02X}\n")).collect();
            let decoded = Decoded { program: program.clone(), endian, form: Form::Hex };
            assert_eq!(decode(hex.as_bytes()), Ok(decoded));
        }
    }
}

#[test]
fn raw_programs_end_at_4096_instructions() {
    for (count, accepted) in [(1, true), (4095, true), (4096, true), (4097, false)] {
        let bytes = ALLOW_LITTLE.repeat(count);
        let error = DecodeError::TooLong { bytes: count * 8, max: 32_768 };
        match accepted {
            true => assert_eq!(decode(&bytes).unwrap().program.len(), count),
            false => assert_eq!(decode(&bytes), Err(error)),
        }
    }
    // A length that wraps to 1 in the kernel's 16 bits.
    assert!(decode(&ALLOW_LITTLE.repeat(65_537)).is_err());
}

#[test]
fn cut_off_programs_are_told_from_rejected_ones() {
    for (bytes, error) in [
        (ALLOW_LITTLE[..7].to_vec(), DecodeError::Partial { bytes: 7 }),
        (ALLOW_LITTLE.repeat(2)[..9].to_vec(), DecodeError::Partial { bytes: 9 }),
        (vec![], DecodeError::Empty),
        (b" \n\t".to_vec(), DecodeError::Empty),
        (b"0600000 ".to_vec(), DecodeError::HalfByte { digits: 7 }),
        (b"060000000000ff".to_vec(), DecodeError::Partial { bytes: 7 }),
        ([0; 8].to_vec(), DecodeError::Rejected(CheckError::NoReturn { index: 0 })),
    ] {
        assert_eq!(decode(&bytes), Err(error));
    }
}

#[test]
fn rejections_speak_of_the_byte_order_that_fits() {
    let modulo = Instruction::new(0x94, 1);
    let allow = Instruction::new(0x06, 0x7fff_0000);
    for endian in [Endian::Little, Endian::Big] {
        let bytes: Vec<u8> = [modulo, allow].iter().flat_map(|i| i.to_bytes(endian)).collect();
        let reason = Unsupported::Opcode(0x94);
        let error = CheckError::Unsupported { index: 0, reason };
        assert_eq!(decode(&bytes), Err(DecodeError::Rejected(error)));
    }
}

#[test]
fn text_of_a_megabyte_is_read_and_more_is_not() {
    let line = "; a comment that fills the text up to a known length\n";
    let text = |length: usize| {
        let mut text = line.repeat(length / line.len());
        text.push_str(&" ".repeat(length - text.len() - "ret ALLOW".len()));
        text + "ret ALLOW"
    };
    for length in [TEXT_LEN_MAX - 1, TEXT_LEN_MAX] {
        assert_eq!(decode(text(length).as_bytes()).unwrap().form, Form::Assembler);
    }
    let error = DecodeError::TooLong { bytes: TEXT_LEN_MAX + 1, max: TEXT_LEN_MAX };
    assert_eq!(decode(text(TEXT_LEN_MAX + 1).as_bytes()), Err(error));
}

#[test]
fn random_bytes_are_errors_and_never_panics() {
    let mut rng = Rng::with_seed(6);
    let mut reasons = [0; 3];
    for _ in 0..20_000 {
        let length = rng.usize(..64);
        let text = rng.bool();
        let byte = |rng: &mut Rng| {
            if text { b" \nretldjeq#0x1:,[]M{}=."[rng.usize(..22)] } else { rng.u8(..) }
        };
        let bytes: Vec<u8> = (0..length).map(|_| byte(&mut rng)).collect();
        match decode(&bytes) {
            Err(DecodeError::Text(_)) => reasons[0] += 1,
            Err(DecodeError::Rejected(_)) => reasons[1] += 1,
            Err(_) => reasons[2] += 1,
            Ok(decoded) => assert!(Program::new(decoded.program.instructions()).is_ok()),
        }
    }
    assert!(reasons.into_iter().all(|count| count > 500), "{reasons:?}");
}
