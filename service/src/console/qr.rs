//! A picture of a link for an authenticator, drawn here: its secret goes to nobody who would draw it for us.
//! Never larger than an authenticator's link needs.

use std::fmt::Write as _;

use minijinja::value::Value;
use qrcodegen::{QrCode, QrCodeEcc};

/// The empty border around it, in modules (ISO/IEC 18004 §9.1).
const BORDER: i32 = 4;

/// The picture as SVG; nothing for a text that is too long for one.
pub fn picture(text: &str) -> Value {
    let Ok(code) = QrCode::encode_text(text, QrCodeEcc::Medium) else {
        return Value::from_safe_string(String::new());
    };
    let side = code.size() + 2 * BORDER;
    let mut path = String::new();
    for y in 0..code.size() {
        for x in 0..code.size() {
            if code.get_module(x, y) {
                // Writing into a string does not fail.
                let _ = write!(path, "M{} {}h1v1h-1z", x + BORDER, y + BORDER);
            }
        }
    }
    // Scanners want dark on light, whatever the theme.
    Value::from_safe_string(format!(
        "<svg class=\"qr\" viewBox=\"0 0 {side} {side}\" width=\"232\" height=\"232\" role=\"presentation\" \
         shape-rendering=\"crispEdges\"><rect width=\"{side}\" height=\"{side}\" fill=\"#fff\"/>\
         <path d=\"{path}\" fill=\"#000\"/></svg>"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_becomes_a_picture_and_never_markup() {
        let picture =
            picture("otpauth://totp/Malote:ana?secret=GEZDGNBVGY3TQOJQ&issuer=\"><script>").to_string();
        assert!(picture.starts_with("<svg") && picture.contains("M4 4h1v1h-1z"), "{picture}");
        assert!(!picture.contains("script"));
    }
}
