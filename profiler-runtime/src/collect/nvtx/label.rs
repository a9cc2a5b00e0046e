//! Colour of a site in a tool, which shows it besides name and category; and the table of the
//! sites' handles.

use std::sync::OnceLock;

/// Returns an ARGB colour, the same for the same name in every run: a full-strength hue, so that
/// neither white nor black text is lost on it.
pub(super) fn color(name: &str) -> u32 {
    // FNV-1a: its low bits alone differ too little between `layer.1` and `layer.2`.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let hue = (hash ^ hash >> 15) % (6 * STEEP);
    let (sextant, along) = (hue / STEEP, hue % STEEP);
    let (low, up, down, high) = (LOW, LOW + along, HIGH - along, HIGH);
    let (red, green, blue) = match sextant {
        0 => (high, up, low),
        1 => (down, high, low),
        2 => (low, high, up),
        3 => (low, down, high),
        4 => (up, low, high),
        _ => (high, low, down),
    };
    0xff00_0000 | red << 16 | green << 8 | blue
}

/// Value of the weakest channel; the strongest follows.
const LOW: u32 = 0x40;
const HIGH: u32 = 0xe0;
/// Number of shades between two primary or secondary colours.
const STEEP: u32 = HIGH - LOW;

/// Number of sites in the first segment; each next one is twice as long.
const FIRST: u32 = 64;
const SEGMENTS: usize = 26;

/// One value for each site, made on first use. Read without a lock; the numbers of sites are dense.
pub(super) struct Labels<T> {
    segments: [OnceLock<Box<[OnceLock<T>]>>; SEGMENTS],
}

impl<T> Labels<T> {
    pub(super) const fn new() -> Self {
        Self { segments: [const { OnceLock::new() }; SEGMENTS] }
    }

    /// Returns the value of the site with this number; `make` runs once for it, on the first thread
    /// that asks.
    pub(super) fn get(&self, number: u32, make: impl FnOnce() -> T) -> &T {
        let (segment, place) = locate(number);
        let cells = self.segments[segment].get_or_init(|| (0..FIRST << segment).map(|_| OnceLock::new()).collect());
        cells[place].get_or_init(make)
    }
}

/// Returns the segment of a site, and its place there. Site numbers have 31 bits.
const fn locate(number: u32) -> (usize, usize) {
    let shifted = number as usize + FIRST as usize;
    let segment = (shifted.ilog2() - FIRST.ilog2()) as usize;
    (segment, shifted - ((FIRST as usize) << segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_color_and_similar_names_have_others() {
        assert_eq!(color("vae.decode"), color("vae.decode"));
        assert_eq!(color("") >> 24, 0xff);
        let colors: std::collections::BTreeSet<u32> = (0..40).map(|layer| color(&format!("layer.{layer}"))).collect();
        assert!(colors.len() > 35, "{colors:x?}");
    }

    #[test]
    fn every_site_has_a_place_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..1000 {
            let (segment, place) = locate(number);
            assert!(place < (FIRST as usize) << segment);
            assert!(seen.insert((segment, place)));
        }
        assert!(locate((1 << 31) - 1).0 < SEGMENTS);
        let labels = Labels::new();
        assert_eq!((*labels.get(7, || 1), *labels.get(8, || 2), *labels.get(7, || 3)), (1, 2, 1));
    }
}
