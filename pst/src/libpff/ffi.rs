//! The only unsafe code of the crate: libpff's handles as owned values that cannot outlive what they point into.
//! Never decides what a value means, and never hands out a pointer.

#![allow(unsafe_code)]

use std::ffi::{CStr, c_int};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};

use libpff_sys as sys;

/// Longest backtrace that is asked of the library, in octets; a longer one is given without its callers.
const BACKTRACE_OCTETS_MAX: usize = 16 * 1024;
/// Longest reason that is passed on, in characters.
const REASON_CHARACTERS_MAX: usize = 240;

/// Why the library failed: the innermost line of its backtrace, in printable characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure(pub String);

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Failure> for std::io::Error {
    fn from(failure: Failure) -> Self {
        Self::other(failure.0)
    }
}

/// What a call gives: something, nothing (0), or a failure (-1, or anything at all together with an error).
pub type Outcome<T> = Result<Option<T>, Failure>;

/// An error slot of the library: NULL before each call, freed after it.
struct Errors(*mut sys::libpff_error_t);

impl Errors {
    const fn none() -> Self {
        Self(ptr::null_mut())
    }

    /// The reason, where the library set one.
    fn reason(&self) -> Option<Failure> {
        if self.0.is_null() {
            return None;
        }
        let mut text = vec![0_u8; BACKTRACE_OCTETS_MAX];
        // SAFETY: the error is the library's own, the buffer has the length that is told.
        let mut code =
            unsafe { sys::libpff_error_backtrace_sprint(self.0, text.as_mut_ptr().cast(), text.len()) };
        if code < 0 {
            // SAFETY: as above.
            code = unsafe { sys::libpff_error_sprint(self.0, text.as_mut_ptr().cast(), text.len()) };
        }
        let held = if code < 0 { None } else { CStr::from_bytes_until_nul(&text).ok() };
        let line = held.map(CStr::to_string_lossy).unwrap_or_default();
        let line = line.lines().next().unwrap_or_default().trim();
        if line.is_empty() {
            return Some(Failure("libpff failed and gave no reason".to_owned()));
        }
        let printable = line.chars().map(|letter| if letter.is_control() { '?' } else { letter });
        Some(Failure(printable.take(REASON_CHARACTERS_MAX).collect()))
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        if !self.0.is_null() {
            // SAFETY: the error was set by the library and is freed once: it sets the slot to NULL.
            unsafe { sys::libpff_error_free(&raw mut self.0) };
        }
    }
}

/// Tells 1 from 0, and takes everything else, and every answer with an error, for a failure.
fn told(code: c_int, errors: &Errors) -> Result<bool, Failure> {
    match (errors.reason(), code) {
        (Some(reason), _) => Err(reason),
        (None, 1) => Ok(true),
        (None, 0) => Ok(false),
        (None, other) => Err(Failure(format!("libpff answered {other} and gave no reason"))),
    }
}

/// What can be freed.
trait Kind: Sized {
    /// Frees the handle and sets it to NULL.
    const FREE: unsafe extern "C" fn(*mut *mut Self, *mut *mut sys::libpff_error_t) -> c_int;
}

impl Kind for sys::libpff_file_t {
    const FREE: unsafe extern "C" fn(*mut *mut Self, *mut *mut sys::libpff_error_t) -> c_int =
        sys::libpff_file_free;
}

impl Kind for sys::libpff_item_t {
    const FREE: unsafe extern "C" fn(*mut *mut Self, *mut *mut sys::libpff_error_t) -> c_int =
        sys::libpff_item_free;
}

impl Kind for sys::libpff_record_set_t {
    const FREE: unsafe extern "C" fn(*mut *mut Self, *mut *mut sys::libpff_error_t) -> c_int =
        sys::libpff_record_set_free;
}

impl Kind for sys::libpff_record_entry_t {
    const FREE: unsafe extern "C" fn(*mut *mut Self, *mut *mut sys::libpff_error_t) -> c_int =
        sys::libpff_record_entry_free;
}

/// An owned handle. The library has no locks: a handle is neither `Send` nor `Sync`.
struct Handle<K: Kind>(NonNull<K>);

impl<K: Kind> Handle<K> {
    const fn raw(&self) -> *mut K {
        self.0.as_ptr()
    }
}

impl<K: Kind> Drop for Handle<K> {
    fn drop(&mut self) {
        let mut raw = self.raw();
        let mut errors = Errors::none();
        // SAFETY: the handle is ours and is freed once. A failing free leaves nothing to be done.
        unsafe { K::FREE(&raw mut raw, &raw mut errors.0) };
    }
}

/// Calls what gives a handle; one that comes together with a failure is freed.
fn handle<K: Kind>(
    call: impl FnOnce(*mut *mut K, *mut *mut sys::libpff_error_t) -> c_int,
) -> Outcome<Handle<K>> {
    let mut raw = ptr::null_mut();
    let mut errors = Errors::none();
    let code = call(&raw mut raw, &raw mut errors.0);
    let handle = NonNull::new(raw).map(Handle);
    match (told(code, &errors)?, handle) {
        (true, None) => Err(Failure("libpff called it success and gave nothing".to_owned())),
        (true, some) => Ok(some),
        (false, _) => Ok(None),
    }
}

/// Calls what gives a plain value.
fn value<T: Default>(call: impl FnOnce(*mut T, *mut *mut sys::libpff_error_t) -> c_int) -> Outcome<T> {
    let mut value = T::default();
    let mut errors = Errors::none();
    let code = call(&raw mut value, &raw mut errors.0);
    Ok(told(code, &errors)?.then_some(value))
}

/// Calls what counts; a count is never negative.
fn count(call: impl FnOnce(*mut c_int, *mut *mut sys::libpff_error_t) -> c_int) -> Outcome<u32> {
    let Some(number) = value(call)? else { return Ok(None) };
    u32::try_from(number).map(Some).map_err(|_| Failure(format!("libpff counted {number}")))
}

/// Calls what seeks and then what reads, and holds both to what was asked.
fn read_at(
    offset: u64,
    into: &mut [u8],
    seek: impl FnOnce(i64, *mut *mut sys::libpff_error_t) -> i64,
    read: impl FnOnce(*mut u8, usize, *mut *mut sys::libpff_error_t) -> isize,
) -> Result<usize, Failure> {
    let wanted = i64::try_from(offset).map_err(|_| Failure(format!("offset {offset} is out of reach")))?;
    let mut errors = Errors::none();
    let at = seek(wanted, &raw mut errors.0);
    if let Some(reason) = errors.reason() {
        return Err(reason);
    }
    if at != wanted {
        return Err(Failure(format!("libpff sought offset {offset} and came to {at}")));
    }
    let got = read(into.as_mut_ptr(), into.len(), &raw mut errors.0);
    if let Some(reason) = errors.reason() {
        return Err(reason);
    }
    match usize::try_from(got) {
        Ok(got) if got <= into.len() => Ok(got),
        _ => Err(Failure(format!("libpff read {got} octets where {} were asked for", into.len()))),
    }
}

fn index(index: u32) -> c_int {
    c_int::try_from(index).unwrap_or(c_int::MAX)
}

/// An open file.
pub struct File(Handle<sys::libpff_file_t>);

impl File {
    /// Opens a file by its name, for reading; takes time that grows with the square of its nodes.
    pub fn open(path: &CStr) -> Result<Self, Failure> {
        // SAFETY: the slot is NULL.
        let made = handle(|slot, errors| unsafe { sys::libpff_file_initialize(slot, errors) })?;
        let file = made.ok_or_else(|| Failure("libpff gave no file handle".to_owned()))?;
        let mut errors = Errors::none();
        let flags = sys::LIBPFF_ACCESS_FLAG_READ;
        // SAFETY: the handle is open, the path ends with NUL and lives through the call.
        let code = unsafe { sys::libpff_file_open(file.raw(), path.as_ptr(), flags, &raw mut errors.0) };
        if told(code, &errors)? {
            Ok(Self(file))
        } else {
            Err(Failure("libpff did not open the file and gave no reason".to_owned()))
        }
    }

    /// True where the library took the file for damaged while opening it; false proves nothing.
    pub fn is_corrupted(&self) -> Result<bool, Failure> {
        let mut errors = Errors::none();
        // SAFETY: the handle is open.
        let code = unsafe { sys::libpff_file_is_corrupted(self.0.raw(), &raw mut errors.0) };
        told(code, &errors)
    }

    /// One of `LIBPFF_FILE_CONTENT_TYPE_…`.
    pub fn content_type(&self) -> Outcome<u8> {
        // SAFETY: the handle is open, the slot is of the declared type.
        value(|slot, errors| unsafe { sys::libpff_file_get_content_type(self.0.raw(), slot, errors) })
    }

    /// One of `LIBPFF_FILE_TYPE_…`.
    pub fn file_type(&self) -> Outcome<u8> {
        // SAFETY: as above.
        value(|slot, errors| unsafe { sys::libpff_file_get_type(self.0.raw(), slot, errors) })
    }

    /// The node above all others.
    pub fn root_item(&self) -> Outcome<Item<'_>> {
        // SAFETY: the handle is open, the slot is NULL; the item cannot outlive the file.
        item(|slot, errors| unsafe { sys::libpff_file_get_root_item(self.0.raw(), slot, errors) })
    }

    /// Node 0x21.
    pub fn message_store(&self) -> Outcome<Item<'_>> {
        // SAFETY: as above.
        item(|slot, errors| unsafe { sys::libpff_file_get_message_store(self.0.raw(), slot, errors) })
    }

    /// Node 0x61.
    pub fn names(&self) -> Outcome<Item<'_>> {
        // SAFETY: as above.
        item(|slot, errors| unsafe { sys::libpff_file_get_name_to_id_map(self.0.raw(), slot, errors) })
    }

    /// Node 0x122. Nothing means damage: no store is without one.
    pub fn root_folder(&self) -> Outcome<Item<'_>> {
        // SAFETY: as above.
        item(|slot, errors| unsafe { sys::libpff_file_get_root_folder(self.0.raw(), slot, errors) })
    }

    /// A node by its number, looked for one by one in the whole tree.
    pub fn item(&self, identifier: u32) -> Outcome<Item<'_>> {
        // SAFETY: as above.
        item(|slot, errors| unsafe {
            sys::libpff_file_get_item_by_identifier(self.0.raw(), identifier, slot, errors)
        })
    }

    /// How many nodes name a parent that does not exist.
    pub fn orphans(&self) -> Outcome<u32> {
        // SAFETY: the handle is open, the slot is of the declared type.
        count(|slot, errors| unsafe {
            sys::libpff_file_get_number_of_orphan_items(self.0.raw(), slot, errors)
        })
    }

    /// One of the nodes without a parent.
    pub fn orphan(&self, number: u32) -> Outcome<Item<'_>> {
        // SAFETY: the handle is open, the slot is NULL; the item cannot outlive the file.
        item(|slot, errors| unsafe {
            sys::libpff_file_get_orphan_item_by_index(self.0.raw(), index(number), slot, errors)
        })
    }
}

/// A node: a folder, an item, an attachment, a table. It may point into the node that it was had of, and cannot
/// outlive it.
pub struct Item<'above> {
    handle: Handle<sys::libpff_item_t>,
    above: PhantomData<&'above File>,
}

fn item<'above>(
    call: impl FnOnce(*mut *mut sys::libpff_item_t, *mut *mut sys::libpff_error_t) -> c_int,
) -> Outcome<Item<'above>> {
    Ok(handle(call)?.map(|handle| Item { handle, above: PhantomData }))
}

impl Item<'_> {
    /// Its node number.
    pub fn identifier(&self) -> Result<u32, Failure> {
        // SAFETY: the handle is open, the slot is of the declared type. The same holds for every call below; what
        // is given cannot outlive this item.
        let number = value(|slot, errors| unsafe {
            sys::libpff_item_get_identifier(self.handle.raw(), slot, errors)
        })?;
        number.ok_or_else(|| Failure("a node has no number".to_owned()))
    }

    /// How many rows it has: 1 where it has properties of its own.
    pub fn record_sets(&self) -> Outcome<u32> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        count(|slot, errors| unsafe { sys::libpff_item_get_number_of_record_sets(raw, slot, errors) })
    }

    /// One row.
    pub fn record_set(&self, number: u32) -> Outcome<RecordSet<'_>> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        let set = handle(|slot, errors| unsafe {
            sys::libpff_item_get_record_set_by_index(raw, index(number), slot, errors)
        })?;
        Ok(set.map(|handle| RecordSet { handle, item: PhantomData }))
    }

    /// How many nodes name this one as their parent.
    pub fn sub_items(&self) -> Outcome<u32> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        count(|slot, errors| unsafe { sys::libpff_item_get_number_of_sub_items(raw, slot, errors) })
    }

    /// One of the nodes below this one.
    pub fn sub_item(&self, number: u32) -> Outcome<Item<'_>> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        item(|slot, errors| unsafe { sys::libpff_item_get_sub_item(raw, index(number), slot, errors) })
    }

    /// A node directly below this one, by its number.
    pub fn sub_item_of(&self, identifier: u32) -> Outcome<Item<'_>> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        item(|slot, errors| unsafe {
            sys::libpff_item_get_sub_item_by_identifier(raw, identifier, slot, errors)
        })
    }

    /// How many rows a folder's hierarchy table has.
    pub fn sub_folders(&self) -> Outcome<u32> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        count(|slot, errors| unsafe { sys::libpff_folder_get_number_of_sub_folders(raw, slot, errors) })
    }

    /// The folder of a row.
    pub fn sub_folder(&self, number: u32) -> Outcome<Item<'_>> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        item(|slot, errors| unsafe { sys::libpff_folder_get_sub_folder(raw, index(number), slot, errors) })
    }

    /// How many rows a folder's contents table has.
    pub fn sub_messages(&self) -> Outcome<u32> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        count(|slot, errors| unsafe { sys::libpff_folder_get_number_of_sub_messages(raw, slot, errors) })
    }

    /// The item of a row.
    pub fn sub_message(&self, number: u32) -> Outcome<Item<'_>> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        item(|slot, errors| unsafe { sys::libpff_folder_get_sub_message(raw, index(number), slot, errors) })
    }

    /// How many attachments it has. Where this fails, a second call on the same handle would give the number of
    /// those before the one that failed, as a success: it must not be made.
    pub fn attachments(&self) -> Outcome<u32> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        count(|slot, errors| unsafe { sys::libpff_message_get_number_of_attachments(raw, slot, errors) })
    }

    /// One attachment.
    pub fn attachment(&self, number: u32) -> Outcome<Item<'_>> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        item(|slot, errors| unsafe { sys::libpff_message_get_attachment(raw, index(number), slot, errors) })
    }

    /// The attachment table.
    pub fn attachment_table(&self) -> Outcome<Item<'_>> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        item(|slot, errors| unsafe { sys::libpff_message_get_attachments(raw, slot, errors) })
    }

    /// The recipient table.
    pub fn recipient_table(&self) -> Outcome<Item<'_>> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        item(|slot, errors| unsafe { sys::libpff_message_get_recipients(raw, slot, errors) })
    }

    /// The length of an attachment's data, in octets.
    pub fn data_octets(&self) -> Outcome<u64> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        value(|slot, errors| unsafe { sys::libpff_attachment_get_data_size(raw, slot, errors) })
    }

    /// Reads of an attachment's data.
    pub fn data_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Failure> {
        let raw = self.handle.raw();
        read_at(
            offset,
            into,
            // SAFETY: the handle is open; the buffer is as long as is told.
            |to, errors| unsafe { sys::libpff_attachment_data_seek_offset(raw, to, sys::SEEK_SET, errors) },
            |buffer, size, errors| unsafe {
                sys::libpff_attachment_data_read_buffer(raw, buffer, size, errors)
            },
        )
    }

    /// The item that is attached. The library hangs it below the attachment's handle and fails when asked twice, so
    /// that a fresh handle is needed for each asking.
    pub fn attached_item(&self) -> Outcome<Item<'_>> {
        let raw = self.handle.raw();
        // SAFETY: see `identifier`.
        item(|slot, errors| unsafe { sys::libpff_attachment_get_item(raw, slot, errors) })
    }
}

/// The properties of a node, or one row of a table.
pub struct RecordSet<'item> {
    handle: Handle<sys::libpff_record_set_t>,
    item: PhantomData<&'item File>,
}

impl RecordSet<'_> {
    /// How many properties it has.
    pub fn entries(&self) -> Outcome<u32> {
        let raw = self.handle.raw();
        // SAFETY: the handle is open, the slot is of the declared type.
        count(|slot, errors| unsafe { sys::libpff_record_set_get_number_of_entries(raw, slot, errors) })
    }

    /// One property.
    pub fn entry(&self, number: u32) -> Outcome<Entry<'_>> {
        let raw = self.handle.raw();
        // SAFETY: the handle is open, the slot is NULL; the entry cannot outlive this record set.
        let entry = handle(|slot, errors| unsafe {
            sys::libpff_record_set_get_entry_by_index(raw, index(number), slot, errors)
        })?;
        Ok(entry.map(|handle| Entry { handle, set: PhantomData }))
    }
}

/// One property, as stored.
pub struct Entry<'set> {
    handle: Handle<sys::libpff_record_entry_t>,
    set: PhantomData<&'set File>,
}

impl Entry<'_> {
    /// Its id; nothing for what is no property.
    pub fn id(&self) -> Outcome<u32> {
        let raw = self.handle.raw();
        // SAFETY: the handle is open, the slot is of the declared type.
        value(|slot, errors| unsafe { sys::libpff_record_entry_get_entry_type(raw, slot, errors) })
    }

    /// Its type.
    pub fn value_type(&self) -> Outcome<u32> {
        let raw = self.handle.raw();
        // SAFETY: as above.
        value(|slot, errors| unsafe { sys::libpff_record_entry_get_value_type(raw, slot, errors) })
    }

    /// Its length in octets.
    pub fn octets(&self) -> Result<usize, Failure> {
        let raw = self.handle.raw();
        // SAFETY: as above.
        let size =
            value(|slot, errors| unsafe { sys::libpff_record_entry_get_data_size(raw, slot, errors) })?;
        Ok(size.unwrap_or(0))
    }

    /// All of its octets; the caller has held [`Self::octets`] against a limit.
    pub fn data(&self) -> Result<Vec<u8>, Failure> {
        let octets = self.octets()?;
        let mut data = Vec::new();
        data.try_reserve_exact(octets).map_err(|_| Failure(format!("no memory for {octets} octets")))?;
        data.resize(octets, 0);
        if octets == 0 {
            return Ok(data);
        }
        let mut errors = Errors::none();
        let raw = self.handle.raw();
        // SAFETY: the handle is open; the buffer is as long as is told.
        let code =
            unsafe { sys::libpff_record_entry_get_data(raw, data.as_mut_ptr(), octets, &raw mut errors.0) };
        if told(code, &errors)? { Ok(data) } else { Err(Failure(format!("{octets} octets are not there"))) }
    }

    /// Reads of its octets.
    pub fn data_at(&self, offset: u64, into: &mut [u8]) -> Result<usize, Failure> {
        let raw = self.handle.raw();
        read_at(
            offset,
            into,
            // SAFETY: the handle is open; the buffer is as long as is told.
            |to, errors| unsafe { sys::libpff_record_entry_seek_offset(raw, to, sys::SEEK_SET, errors) },
            |buffer, size, errors| unsafe { sys::libpff_record_entry_read_buffer(raw, buffer, size, errors) },
        )
    }
}

/// A file with a chain of its items that stay open between calls, each had of the one before it.
pub struct Session {
    /// Never shown with the lifetime that is written here: see [`Self::last`].
    chain: Vec<ManuallyDrop<Item<'static>>>,
    file: File,
}

// SAFETY: every handle of the file lives in this one value, and the library keeps nothing by thread: all of them move
// together. It stays `!Sync`: the library has no locks.
unsafe impl Send for Session {}

impl Session {
    /// Begins with an open file and no open item.
    #[must_use]
    pub const fn new(file: File) -> Self {
        Self { chain: Vec::new(), file }
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &File {
        &self.file
    }

    /// Closes the innermost items until `depth` of them are left.
    pub fn close_to(&mut self, depth: usize) {
        while self.chain.len() > depth {
            if let Some(innermost) = self.chain.pop() {
                drop(ManuallyDrop::into_inner(innermost));
            }
        }
    }

    /// The innermost open item.
    #[must_use]
    pub fn last(&self) -> Option<&Item<'_>> {
        self.chain.last().map(|item| &**item)
    }

    /// Opens one more, of the file and the innermost open item; false where there is none.
    pub fn open(
        &mut self,
        step: impl for<'a> FnOnce(&'a File, Option<&'a Item<'a>>) -> Outcome<Item<'a>>,
    ) -> Result<bool, Failure> {
        let Some(Item { handle, .. }) = step(&self.file, self.last())? else { return Ok(false) };
        // The lifetime is widened here and nowhere else: the chain is closed from its end, before the file.
        self.chain.push(ManuallyDrop::new(Item { handle, above: PhantomData }));
        Ok(true)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.close_to(0);
    }
}
