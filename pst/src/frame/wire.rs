//! Octets of plain values: little endian, lengths before contents.
//! Never allocates for a count that was only claimed, and never goes deeper than [`DEPTH_MAX`].

/// Most elements of lists in one frame, so that few octets cannot become much memory.
pub const ELEMENTS_MAX: usize = 2_000_000;
/// How deep values lie in one another: items embedded in items, with some room.
pub const DEPTH_MAX: usize = 80;

/// What came is not what it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Wrong {
    /// It ends before the value does.
    #[error("it ends too early")]
    Short,
    /// It goes on after the value has ended.
    #[error("it goes on after its end")]
    Long,
    /// A kind, a text or a number that does not exist.
    #[error("it holds something that does not exist")]
    Unknown,
    /// More elements than [`ELEMENTS_MAX`].
    #[error("it holds more than {ELEMENTS_MAX} elements")]
    Elements,
    /// Deeper than [`DEPTH_MAX`].
    #[error("it goes more than {DEPTH_MAX} deep")]
    Depth,
}

/// A value that can be written as octets and read again.
pub trait Wire: Sized {
    /// Appends the value's octets.
    fn put(&self, into: &mut Vec<u8>);
    /// Reads a value.
    ///
    /// # Errors
    /// Where the octets are not one.
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong>;
}

/// Octets that are being read.
pub struct Octets<'a> {
    left: &'a [u8],
    elements_left: usize,
    depth_left: usize,
}

/// Reads a value that is all there is.
///
/// # Errors
/// Where the octets are not exactly one value.
pub fn whole<T: Wire>(octets: &[u8]) -> Result<T, Wrong> {
    let mut from = Octets { left: octets, elements_left: ELEMENTS_MAX, depth_left: DEPTH_MAX };
    let value = T::take(&mut from)?;
    if from.left.is_empty() { Ok(value) } else { Err(Wrong::Long) }
}

impl<'a> Octets<'a> {
    /// So many octets.
    ///
    /// # Errors
    /// Where there are fewer.
    pub fn slice(&mut self, length: usize) -> Result<&'a [u8], Wrong> {
        let (taken, left) = self.left.split_at_checked(length).ok_or(Wrong::Short)?;
        self.left = left;
        Ok(taken)
    }

    /// Octets with their length before them.
    ///
    /// # Errors
    /// Where there are fewer than is claimed.
    pub fn counted(&mut self) -> Result<&'a [u8], Wrong> {
        let length = usize::try_from(u32::take(self)?).map_err(|_| Wrong::Short)?;
        self.slice(length)
    }

    /// Reads something that may hold the like of itself.
    ///
    /// # Errors
    /// Where that goes too deep, or `take` fails.
    pub fn deeper<T>(&mut self, take: impl FnOnce(&mut Self) -> Result<T, Wrong>) -> Result<T, Wrong> {
        self.depth_left = self.depth_left.checked_sub(1).ok_or(Wrong::Depth)?;
        let taken = take(self);
        self.depth_left += 1;
        taken
    }

    /// Counts one element of a list.
    ///
    /// # Errors
    /// Where there were too many.
    pub fn element(&mut self) -> Result<(), Wrong> {
        self.elements_left = self.elements_left.checked_sub(1).ok_or(Wrong::Elements)?;
        Ok(())
    }
}

/// Appends octets with their length before them. Lengths above 4 GiB are cut: the frame is refused long before.
pub fn put_counted(octets: &[u8], into: &mut Vec<u8>) {
    u32::try_from(octets.len()).unwrap_or(u32::MAX).put(into);
    into.extend_from_slice(octets);
}

macro_rules! number {
    ($($kind:ty),*) => {$(
        impl Wire for $kind {
            fn put(&self, into: &mut Vec<u8>) {
                into.extend_from_slice(&self.to_le_bytes());
            }
            fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
                let octets = from.slice(size_of::<Self>())?;
                octets.try_into().map(Self::from_le_bytes).map_err(|_| Wrong::Short)
            }
        }
    )*};
}

number!(u8, u16, u32, u64, i16, i32, i64, f32, f64);

impl Wire for bool {
    fn put(&self, into: &mut Vec<u8>) {
        u8::from(*self).put(into);
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        match u8::take(from)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Wrong::Unknown),
        }
    }
}

impl Wire for String {
    fn put(&self, into: &mut Vec<u8>) {
        put_counted(self.as_bytes(), into);
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        Self::from_utf8(from.counted()?.to_vec()).map_err(|_| Wrong::Unknown)
    }
}

impl<T: Wire> Wire for Option<T> {
    fn put(&self, into: &mut Vec<u8>) {
        self.is_some().put(into);
        if let Some(value) = self {
            value.put(into);
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        if bool::take(from)? { T::take(from).map(Some) } else { Ok(None) }
    }
}

impl<T: Wire> Wire for Vec<T> {
    fn put(&self, into: &mut Vec<u8>) {
        u32::try_from(self.len()).unwrap_or(u32::MAX).put(into);
        for value in self {
            value.put(into);
        }
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        let mut values = Self::new();
        for _ in 0..u32::take(from)? {
            from.element()?;
            values.push(T::take(from)?);
        }
        Ok(values)
    }
}

impl<A: Wire, B: Wire> Wire for (A, B) {
    fn put(&self, into: &mut Vec<u8>) {
        self.0.put(into);
        self.1.put(into);
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        Ok((A::take(from)?, B::take(from)?))
    }
}

impl<const N: usize> Wire for [u8; N] {
    fn put(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self);
    }
    fn take(from: &mut Octets<'_>) -> Result<Self, Wrong> {
        from.slice(N)?.try_into().map_err(|_| Wrong::Short)
    }
}
