//! Base64 of either alphabet, with or without padding and line breaks.

use ::base64::Engine as _;
use ::base64::alphabet::{STANDARD, URL_SAFE};
use ::base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::{Error, ErrorKind, Read, raw};

/// Padding says nothing that the length does not.
const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Reads base64.
pub(super) fn read(text: &str) -> Result<Read, Error> {
    raw::read(&bytes(text)?)
}

/// The bytes that base64 stands for.
pub(crate) fn bytes(text: &str) -> Result<Vec<u8>, Error> {
    let dense: String = text.split_ascii_whitespace().collect();
    let alphabet = if dense.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let decoded = GeneralPurpose::new(&alphabet, CONFIG).decode(&dense);
    decoded.map_err(|error| Error::new(ErrorKind::Base64(error.to_string())))
}
