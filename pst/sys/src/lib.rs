//! The functions, handles and constants of libpff (20180714 and later) that Malote calls, as its header states them.
//! Never wraps or checks anything: `malote-pst` alone calls these, in one file.

#![no_std]
#![allow(non_camel_case_types)]

use core::ffi::{c_char, c_int};
use core::marker::{PhantomData, PhantomPinned};

/// Declares a type that exists only behind pointers.
macro_rules! opaque {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[repr(C)]
        pub struct $name {
            octets: [u8; 0],
            marker: PhantomData<(*mut u8, PhantomPinned)>,
        }
    )*};
}

opaque! {
    /// What went wrong, with a backtrace.
    libpff_error_t;
    /// An open file.
    libpff_file_t;
    /// A node: folder, message, attachment, table.
    libpff_item_t;
    /// The properties of a node, or one row of a table.
    libpff_record_set_t;
    /// One property.
    libpff_record_entry_t;
}

/// `LIBPFF_ACCESS_FLAG_READ`: the only way in which a file is opened.
pub const LIBPFF_ACCESS_FLAG_READ: c_int = 1;

/// `LIBPFF_FILE_TYPE_32BIT`: an ANSI store.
pub const LIBPFF_FILE_TYPE_32BIT: u8 = 32;
/// `LIBPFF_FILE_TYPE_64BIT`: a Unicode store.
pub const LIBPFF_FILE_TYPE_64BIT: u8 = 64;
/// `LIBPFF_FILE_TYPE_64BIT_4K_PAGE`: a Unicode store with pages of 4 KiB.
pub const LIBPFF_FILE_TYPE_64BIT_4K_PAGE: u8 = 65;

/// `LIBPFF_FILE_CONTENT_TYPE_PAB`: a personal address book.
pub const LIBPFF_FILE_CONTENT_TYPE_PAB: u8 = b'a';
/// `LIBPFF_FILE_CONTENT_TYPE_PST`: a personal store.
pub const LIBPFF_FILE_CONTENT_TYPE_PST: u8 = b'p';
/// `LIBPFF_FILE_CONTENT_TYPE_OST`: an offline store.
pub const LIBPFF_FILE_CONTENT_TYPE_OST: u8 = b'o';

/// `SEEK_SET` of `<stdio.h>`, as the seeking functions take it.
pub const SEEK_SET: c_int = 0;

// Each function gives 1 where it worked, 0 where there is nothing to give, and -1 with an error where it failed;
// those that read give the number of octets or -1. An error handle must be NULL before the call.
unsafe extern "C" {
    /// The version of the library that is loaded.
    pub fn libpff_get_version() -> *const c_char;

    /// Frees an error and sets it to NULL.
    pub fn libpff_error_free(error: *mut *mut libpff_error_t);
    /// Writes the error's last message.
    pub fn libpff_error_sprint(error: *mut libpff_error_t, string: *mut c_char, size: usize) -> c_int;
    /// Writes the error's messages, the innermost first, a line each.
    pub fn libpff_error_backtrace_sprint(
        error: *mut libpff_error_t,
        string: *mut c_char,
        size: usize,
    ) -> c_int;

    /// Makes a file handle; `*file` must be NULL.
    pub fn libpff_file_initialize(file: *mut *mut libpff_file_t, error: *mut *mut libpff_error_t) -> c_int;
    /// Closes and frees a file.
    pub fn libpff_file_free(file: *mut *mut libpff_file_t, error: *mut *mut libpff_error_t) -> c_int;
    /// Opens a file by its name and builds the tree of its nodes.
    pub fn libpff_file_open(
        file: *mut libpff_file_t,
        filename: *const c_char,
        access_flags: c_int,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// Closes a file.
    pub fn libpff_file_close(file: *mut libpff_file_t, error: *mut *mut libpff_error_t) -> c_int;
    /// 1 where the library took the file for damaged while opening it.
    pub fn libpff_file_is_corrupted(file: *mut libpff_file_t, error: *mut *mut libpff_error_t) -> c_int;
    /// One of `LIBPFF_FILE_CONTENT_TYPE_…`.
    pub fn libpff_file_get_content_type(
        file: *mut libpff_file_t,
        content_type: *mut u8,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// One of `LIBPFF_FILE_TYPE_…`.
    pub fn libpff_file_get_type(
        file: *mut libpff_file_t,
        file_type: *mut u8,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// The node above all others.
    pub fn libpff_file_get_root_item(
        file: *mut libpff_file_t,
        item: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// Node 0x21.
    pub fn libpff_file_get_message_store(
        file: *mut libpff_file_t,
        item: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// Node 0x61.
    pub fn libpff_file_get_name_to_id_map(
        file: *mut libpff_file_t,
        item: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// Node 0x122.
    pub fn libpff_file_get_root_folder(
        file: *mut libpff_file_t,
        item: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// A node by its number, looked for in the whole tree.
    pub fn libpff_file_get_item_by_identifier(
        file: *mut libpff_file_t,
        identifier: u32,
        item: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// How many nodes name a parent that does not exist.
    pub fn libpff_file_get_number_of_orphan_items(
        file: *mut libpff_file_t,
        number: *mut c_int,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// A node whose parent does not exist.
    pub fn libpff_file_get_orphan_item_by_index(
        file: *mut libpff_file_t,
        index: c_int,
        item: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;

    /// Frees an item.
    pub fn libpff_item_free(item: *mut *mut libpff_item_t, error: *mut *mut libpff_error_t) -> c_int;
    /// The item's node number.
    pub fn libpff_item_get_identifier(
        item: *mut libpff_item_t,
        identifier: *mut u32,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// How many rows the item's table has; 1 for a node with properties of its own.
    pub fn libpff_item_get_number_of_record_sets(
        item: *mut libpff_item_t,
        number: *mut c_int,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// One row.
    pub fn libpff_item_get_record_set_by_index(
        item: *mut libpff_item_t,
        index: c_int,
        record_set: *mut *mut libpff_record_set_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// How many nodes name this one as their parent.
    pub fn libpff_item_get_number_of_sub_items(
        item: *mut libpff_item_t,
        number: *mut c_int,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// A node below this one.
    pub fn libpff_item_get_sub_item(
        item: *mut libpff_item_t,
        index: c_int,
        sub_item: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// A node directly below this one, by its number.
    pub fn libpff_item_get_sub_item_by_identifier(
        item: *mut libpff_item_t,
        identifier: u32,
        sub_item: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;

    /// Frees a record set.
    pub fn libpff_record_set_free(
        record_set: *mut *mut libpff_record_set_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// How many properties a record set has.
    pub fn libpff_record_set_get_number_of_entries(
        record_set: *mut libpff_record_set_t,
        number: *mut c_int,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// One property.
    pub fn libpff_record_set_get_entry_by_index(
        record_set: *mut libpff_record_set_t,
        index: c_int,
        record_entry: *mut *mut libpff_record_entry_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;

    /// Frees a record entry.
    pub fn libpff_record_entry_free(
        record_entry: *mut *mut libpff_record_entry_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// The property's id.
    pub fn libpff_record_entry_get_entry_type(
        record_entry: *mut libpff_record_entry_t,
        entry_type: *mut u32,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// The property's type.
    pub fn libpff_record_entry_get_value_type(
        record_entry: *mut libpff_record_entry_t,
        value_type: *mut u32,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// The length of the property's value as stored.
    pub fn libpff_record_entry_get_data_size(
        record_entry: *mut libpff_record_entry_t,
        size: *mut usize,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// The property's value as stored, all of it.
    pub fn libpff_record_entry_get_data(
        record_entry: *mut libpff_record_entry_t,
        data: *mut u8,
        size: usize,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// Reads of the value from where the last reading ended.
    pub fn libpff_record_entry_read_buffer(
        record_entry: *mut libpff_record_entry_t,
        buffer: *mut u8,
        size: usize,
        error: *mut *mut libpff_error_t,
    ) -> isize;
    /// Sets where the next reading begins.
    pub fn libpff_record_entry_seek_offset(
        record_entry: *mut libpff_record_entry_t,
        offset: i64,
        whence: c_int,
        error: *mut *mut libpff_error_t,
    ) -> i64;

    /// How many rows a folder's hierarchy table has.
    pub fn libpff_folder_get_number_of_sub_folders(
        folder: *mut libpff_item_t,
        number: *mut c_int,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// The folder of a row.
    pub fn libpff_folder_get_sub_folder(
        folder: *mut libpff_item_t,
        index: c_int,
        sub_folder: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// How many rows a folder's contents table has.
    pub fn libpff_folder_get_number_of_sub_messages(
        folder: *mut libpff_item_t,
        number: *mut c_int,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// The item of a row.
    pub fn libpff_folder_get_sub_message(
        folder: *mut libpff_item_t,
        index: c_int,
        sub_message: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;

    /// How many attachments an item has; never asked again of the same handle where it failed.
    pub fn libpff_message_get_number_of_attachments(
        message: *mut libpff_item_t,
        number: *mut c_int,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// One attachment.
    pub fn libpff_message_get_attachment(
        message: *mut libpff_item_t,
        index: c_int,
        attachment: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// The attachment table as an item: a record set for each row.
    pub fn libpff_message_get_attachments(
        message: *mut libpff_item_t,
        attachments: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// The recipient table as an item: a record set for each row.
    pub fn libpff_message_get_recipients(
        message: *mut libpff_item_t,
        recipients: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;

    /// The length of an attachment's data, an OLE object's too; 0 where there is no such property.
    pub fn libpff_attachment_get_data_size(
        attachment: *mut libpff_item_t,
        size: *mut u64,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
    /// Reads of an attachment's data from where the last reading ended.
    pub fn libpff_attachment_data_read_buffer(
        attachment: *mut libpff_item_t,
        buffer: *mut u8,
        size: usize,
        error: *mut *mut libpff_error_t,
    ) -> isize;
    /// Sets where the next reading begins.
    pub fn libpff_attachment_data_seek_offset(
        attachment: *mut libpff_item_t,
        offset: i64,
        whence: c_int,
        error: *mut *mut libpff_error_t,
    ) -> i64;
    /// The item that is attached; asked once of each attachment handle.
    pub fn libpff_attachment_get_item(
        attachment: *mut libpff_item_t,
        item: *mut *mut libpff_item_t,
        error: *mut *mut libpff_error_t,
    ) -> c_int;
}
