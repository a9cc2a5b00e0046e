//! Chooses the colour of a site in a tool, and caches the tool's handle for each site.

use std::sync::OnceLock;

/// Returns the ARGB colour of a name, which is the same in every run. Its hue has full saturation,
/// so that both black and white text is readable on it.
pub(super) fn color(name: &str) -> u32 {
    // FNV-1a. The low bits alone differ too little between `layer.1` and `layer.2`.
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let hue = (hash ^ hash >> 15) % (6 * SHADES);
    let (sextant, along) = (hue / SHADES, hue % SHADES);
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

/// Value of the weakest channel; below it, that of the strongest.
const LOW: u32 = 0x40;
const HIGH: u32 = 0xe0;
/// Number of shades between two adjacent primary or secondary colours.
const SHADES: u32 = HIGH - LOW;

/// Number of sites in the first segment. Each further segment is twice as long.
const FIRST: u32 = 64;
const SEGMENTS: usize = 26;

/// One lazily created value for each site, read without a lock. Site numbers are dense.
pub(super) struct Labels<T> {
    segments: [OnceLock<Box<[OnceLock<T>]>>; SEGMENTS],
}

impl<T> Labels<T> {
    pub(super) const fn new() -> Self {
        Self { segments: [const { OnceLock::new() }; SEGMENTS] }
    }

    /// Returns the value of the site with this number. `make` runs once per site, on the first
    /// thread that needs the value.
    pub(super) fn get(&self, number: u32, make: impl FnOnce() -> T) -> &T {
        let (segment, index) = locate(number);
        let cells = self.segments[segment].get_or_init(|| (0..FIRST << segment).map(|_| OnceLock::new()).collect());
        cells[index].get_or_init(make)
    }
}

/// Returns a site's segment and the index in it. Site numbers have 31 bits.
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
    fn every_site_has_an_index_of_its_own() {
        let mut seen = std::collections::BTreeSet::new();
        for number in 0..1000 {
            let (segment, index) = locate(number);
            assert!(index < (FIRST as usize) << segment);
            assert!(seen.insert((segment, index)));
        }
        assert!(locate((1 << 31) - 1).0 < SEGMENTS);
        let labels = Labels::new();
        assert_eq!((*labels.get(7, || 1), *labels.get(8, || 2), *labels.get(7, || 3)), (1, 2, 1));
    }
}
