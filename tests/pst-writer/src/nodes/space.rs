//! Where the next block or page goes, and the maps that say what is taken ([MS-PST] §2.2.2.7.2 to §2.2.2.7.5).
//! Never gives anything back: a store is written once.

/// Where the first allocation map lies.
const FIRST_MAP: u64 = 0x4400;
/// Octets that one bit of a map stands for.
const UNIT_OCTETS: u64 = 64;
/// Octets of bits in one map.
const MAP_OCTETS: usize = 496;
/// Octets that one map stands for, itself included.
const SPAN_OCTETS: u64 = MAP_OCTETS as u64 * 8 * UNIT_OCTETS;
const PAGE_OCTETS: u64 = 512;

/// The kinds of map pages that can stand at the beginning of a span, by their page types.
const ALLOCATION_MAP: u8 = 0x84;
const PAGE_MAP: u8 = 0x83;
const FREE_MAP: u8 = 0x82;
const FREE_PAGE_MAP: u8 = 0x85;

/// The taken and the free parts of a file under the hand.
pub struct Space {
    end: u64,
    spans: Vec<[u8; MAP_OCTETS]>,
}

/// One map page to be written: its place, its type and its bits.
pub struct MapPage {
    /// Where it lies.
    pub place: u64,
    /// Its page type.
    pub kind: u8,
    /// What it says.
    pub bits: [u8; MAP_OCTETS],
}

impl Space {
    /// An empty file: nothing but its first map.
    pub fn new() -> Self {
        let mut space = Self { end: 0, spans: Vec::new() };
        space.open_span();
        space
    }

    /// A place for so many octets, at a multiple of `step`. What is taken never crosses the end of a span.
    pub fn take(&mut self, octets: u64, step: u64) -> u64 {
        let mut place = self.end.next_multiple_of(step);
        if place + octets > span_start(self.spans.len()) {
            self.open_span();
            place = self.end.next_multiple_of(step);
        }
        self.end = place + octets;
        self.mark(place, octets);
        place
    }

    /// Where the file ends: with the span that was opened last.
    pub fn file_octets(&self) -> u64 {
        span_start(self.spans.len())
    }

    /// Where the last allocation map lies.
    pub fn last_map(&self) -> u64 {
        span_start(self.spans.len() - 1)
    }

    /// How many octets no map has marked.
    pub fn free_octets(&self) -> u64 {
        let free: u64 = self.spans.iter().flatten().map(|bits| u64::from(bits.count_zeros())).sum();
        free * UNIT_OCTETS
    }

    /// Every map page. Page maps and free maps are out of use since 2007 and hold constants.
    pub fn maps(&self) -> impl Iterator<Item = MapPage> {
        self.spans.iter().enumerate().flat_map(|(index, bits)| {
            kinds(index).enumerate().map(move |(nth, kind)| {
                let bits = match kind {
                    ALLOCATION_MAP => *bits,
                    FREE_MAP => [0; MAP_OCTETS],
                    _ => [0xFF; MAP_OCTETS],
                };
                MapPage { place: span_start(index) + nth as u64 * PAGE_OCTETS, kind, bits }
            })
        })
    }

    fn open_span(&mut self) {
        let index = self.spans.len();
        let start = span_start(index);
        self.spans.push([0; MAP_OCTETS]);
        let octets = kinds(index).count() as u64 * PAGE_OCTETS;
        self.mark(start, octets);
        self.end = start + octets;
    }

    fn mark(&mut self, place: u64, octets: u64) {
        let index = self.spans.len() - 1;
        let first = (place - span_start(index)) / UNIT_OCTETS;
        let after = (place + octets - span_start(index)).div_ceil(UNIT_OCTETS);
        for unit in first..after {
            let unit = usize::try_from(unit).expect("a span has fewer units than a usize holds");
            self.spans[index][unit / 8] |= 0x80 >> (unit % 8);
        }
    }
}

const fn span_start(index: usize) -> u64 {
    FIRST_MAP + index as u64 * SPAN_OCTETS
}

/// The maps at the beginning of a span, in their order.
fn kinds(index: usize) -> impl Iterator<Item = u8> {
    let has_page_map = index.is_multiple_of(8);
    let has_free_map = index >= 128 && (index - 128).is_multiple_of(496);
    let has_free_page_map = index >= 8192 && (index - 8192).is_multiple_of(31_744);
    let all = [
        (true, ALLOCATION_MAP),
        (has_page_map, PAGE_MAP),
        (has_free_map, FREE_MAP),
        (has_free_page_map, FREE_PAGE_MAP),
    ];
    all.into_iter().filter_map(|(is_here, kind)| is_here.then_some(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_lies_over_a_map_or_over_another() {
        let mut space = Space::new();
        let mut last_end = FIRST_MAP;
        for nth in 0..3000_u64 {
            let (octets, step) = if nth % 7 == 0 { (512, 512) } else { (64 * (1 + nth % 128), 64) };
            let place = space.take(octets, step);
            assert!(place >= last_end && place.is_multiple_of(step), "{nth}");
            let span = (place - FIRST_MAP) / SPAN_OCTETS;
            assert_eq!(span, (place + octets - 1 - FIRST_MAP) / SPAN_OCTETS, "{nth} crosses a map");
            last_end = place + octets;
        }
        let maps: Vec<u64> =
            space.maps().filter(|map| map.kind == ALLOCATION_MAP).map(|map| map.place).collect();
        assert!(maps.len() > 10 && maps.windows(2).all(|pair| pair[1] - pair[0] == SPAN_OCTETS));
        assert_eq!(space.last_map() + SPAN_OCTETS, space.file_octets());
    }

    #[test]
    fn free_octets_are_those_that_nothing_took() {
        let mut space = Space::new();
        let before = space.free_octets();
        assert_eq!(before, SPAN_OCTETS - 2 * PAGE_OCTETS);
        space.take(640, 64);
        assert_eq!(space.free_octets(), before - 640);
    }
}
