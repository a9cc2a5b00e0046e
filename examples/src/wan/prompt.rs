//! Cleans a prompt before tokenizing, as Diffusers does: resolves HTML entities twice and collapses
//! whitespace.
//!
//! Supports numeric entities, the five predefined ones of XML, and `&nbsp;`. Unlike Diffusers, it
//! does not repair mojibake (ftfy).

/// Returns the cleaned prompt.
pub(crate) fn clean(prompt: &str) -> String {
    let text = unescape(&unescape(prompt));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        let (before, entity) = rest.split_at(start);
        plain.push_str(before);
        let resolved = entity.find(';').and_then(|end| Some((resolve(&entity[1..end])?, &entity[end + 1..])));
        let (character, after) = resolved.unwrap_or(('&', &entity[1..]));
        plain.push(character);
        rest = after;
    }
    plain.push_str(rest);
    plain
}

fn resolve(entity: &str) -> Option<char> {
    match entity {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "nbsp" => Some('\u{a0}'),
        _ => {
            let number = entity.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hexadecimal) => u32::from_str_radix(hexadecimal, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn entities_are_resolved_twice_and_whitespace_collapses() {
        assert_eq!(clean("  cats &amp;amp;  dogs\n&#x41;&#66;&quot; "), "cats & dogs AB\"");
    }

    #[test]
    fn a_lone_ampersand_stays() {
        assert_eq!(clean("rock & roll; R&B &nope; &#xZZ;"), "rock & roll; R&B &nope; &#xZZ;");
    }
}
