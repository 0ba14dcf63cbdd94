//! SQLite's pre-update hook: told before each row is changed, by whatever changes it.
//!
//! rusqlite has it only together with bindings made at build time, which need a C compiler's library that bare machines do not have. So
//! the three functions are declared here; `.cargo/config.toml` has SQLite compiled with them.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use rusqlite::ffi;
use values::ValueRef;

/// What happens to the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// It comes.
    Insert,
    /// It changes.
    Update,
    /// It goes.
    Delete,
}

/// A row that is about to be changed, for as long as its hook runs.
pub(super) struct Changed {
    db: *mut ffi::sqlite3,
    /// What happens to it.
    pub(super) change: Change,
}

/// Which state of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// As it is.
    Before,
    /// As it will be.
    After,
}

type Hook = extern "C" fn(*mut c_void, *mut ffi::sqlite3, c_int, *const c_char, *const c_char, i64, i64);

#[expect(unsafe_code, reason = "declarations of C functions: signatures as sqlite3.h has them since 3.13")]
// SAFETY: the names and types are those of the bundled sqlite3.h, compiled with SQLITE_ENABLE_PREUPDATE_HOOK.
unsafe extern "C" {
    fn sqlite3_preupdate_hook(db: *mut ffi::sqlite3, hook: Option<Hook>, context: *mut c_void) -> *mut c_void;
    fn sqlite3_preupdate_old(db: *mut ffi::sqlite3, column: c_int, value: *mut *mut ffi::sqlite3_value) -> c_int;
    fn sqlite3_preupdate_new(db: *mut ffi::sqlite3, column: c_int, value: *mut *mut ffi::sqlite3_value) -> c_int;
}

/// Has every change of a row of the main database on this connection told to [`super::capture::changed`].
pub(super) fn watch(db: &rusqlite::Connection) {
    #[expect(unsafe_code, reason = "the hook has no safe wrapper without bindings made at build time")]
    // SAFETY: the handle is alive, the hook is a function of this program that lives as long as it, and needs no context.
    unsafe {
        sqlite3_preupdate_hook(db.handle(), Some(told), ptr::null_mut());
    }
}

extern "C" fn told(
    _: *mut c_void,
    db: *mut ffi::sqlite3,
    operation: c_int,
    database: *const c_char,
    table: *const c_char,
    _: i64,
    _: i64,
) {
    let change = match operation {
        ffi::SQLITE_INSERT => Change::Insert,
        ffi::SQLITE_UPDATE => Change::Update,
        ffi::SQLITE_DELETE => Change::Delete,
        _ => return,
    };
    #[expect(unsafe_code, reason = "names come as C strings")]
    // SAFETY: SQLite hands over two strings that end with a zero and stay while the hook runs.
    let (database, table) = unsafe { (CStr::from_ptr(database), CStr::from_ptr(table)) };
    let Ok(table) = table.to_str() else { return };
    if database != c"main" {
        return;
    }
    let row = Changed { db, change };
    // A panic must not pass through C.
    if catch_unwind(AssertUnwindSafe(|| super::capture::changed(table, &row))).is_err() {
        super::capture::broken();
    }
}

impl Changed {
    /// A column of the row, by its place in the table. `None` when SQLite does not tell, which it does for states the row does not
    /// have and for columns it has not.
    pub(super) fn column(&self, state: State, place: i32) -> Option<ValueRef<'_>> {
        let mut value = ptr::null_mut();
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: a `Changed` is made by the hook, lent out while it runs and never kept, so the calls are made inside the hook on its
        // own handle, as they must be; the out pointer is to a local. SQLite answers an error for what there is not.
        let code = unsafe {
            match state {
                State::Before => sqlite3_preupdate_old(self.db, place, &raw mut value),
                State::After => sqlite3_preupdate_new(self.db, place, &raw mut value),
            }
        };
        if code != ffi::SQLITE_OK || value.is_null() {
            return None;
        }
        #[expect(unsafe_code, reason = "as above")]
        // SAFETY: the value is SQLite's own and stays until the hook returns, which the borrow of `self` does not outlive; text and blob are
        // asked for before their length, as sqlite3.h wants it, and an empty blob may be a null pointer.
        unsafe {
            Some(match ffi::sqlite3_value_type(value) {
                ffi::SQLITE_INTEGER => ValueRef::Int(ffi::sqlite3_value_int64(value)),
                ffi::SQLITE_FLOAT => ValueRef::Real(ffi::sqlite3_value_double(value)),
                ffi::SQLITE_TEXT => {
                    let start = ffi::sqlite3_value_text(value);
                    let bytes = bytes_of(start, ffi::sqlite3_value_bytes(value));
                    ValueRef::Text(std::str::from_utf8(bytes).ok()?)
                }
                ffi::SQLITE_BLOB => {
                    let start = ffi::sqlite3_value_blob(value).cast();
                    ValueRef::Blob(bytes_of(start, ffi::sqlite3_value_bytes(value)))
                }
                _ => ValueRef::Null,
            })
        }
    }
}

#[expect(unsafe_code, reason = "as above")]
/// # Safety
/// `start` points to `length` bytes that stay for `'v`, or is null.
unsafe fn bytes_of<'v>(start: *const u8, length: c_int) -> &'v [u8] {
    match usize::try_from(length) {
        // SAFETY: as the caller promises.
        Ok(length) if length > 0 && !start.is_null() => unsafe { std::slice::from_raw_parts(start, length) },
        _ => &[],
    }
}
