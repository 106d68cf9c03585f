// SPDX-License-Identifier: Apache-2.0
//
// A host in Rust, through libholdfast's C ABI and without a crate: prints the headers of a request, for curl -H @-.
//
//   rustc --edition 2021 main.rs -l holdfast
//   main IDENTITY_FILE ORIGIN URL | curl -H @- URL
//
// Headers go to ORIGIN only.
use std::ffi::{CStr, CString};
use std::mem::{size_of, zeroed};
use std::os::raw::{c_char, c_void};
use std::process::exit;
use std::ptr::{null, null_mut};

const AUTHORIZATION_CAPACITY: usize = 590; // HOLDFAST_AUTHORIZATION_CAPACITY
const OK: i32 = 0;

#[repr(C)]
struct Error {
    struct_size: u32,
    status: i32,
    layer: u32,
    remedy: u32,
    native: u64,
    message: [c_char; 512],
    hint: [c_char; 256],
}

#[repr(C)]
struct SessionOptions {
    struct_size: u32,
    flags: u32,
    identity_file: *const c_char,
    pin_source: *const c_char,
    module_path: *const c_char,
    expected_public_key: *const c_char,
    origins: *const *const c_char,
    origins_count: u64,
    authority_url: *const c_char,
    ca_file: *const c_char,
    client_certificate: *const c_char,
    client_key: *const c_char,
    proxy: *const c_char,
    minimum_profile: u32,
    max_age_s: u32,
    registration_timeout_ms: u32,
    signing_timeout_ms: u32,
    rejection_interval_ms: u32,
    reserved: u32,
}

#[repr(C)]
struct Header {
    name: *const c_char,
    value: *const c_char,
}

#[repr(C)]
struct Headers {
    struct_size: u32,
    count: u32,
    generation: u64,
    fields: [Header; 4],
}

extern "C" {
    fn holdfast_session_open(options: *const SessionOptions, session: *mut *mut c_void, error: *mut Error) -> i32;
    fn holdfast_session_close(session: *mut c_void);
    fn holdfast_session_headers_for(
        session: *mut c_void,
        url: *const c_char,
        flags: u32,
        value_buffer: *mut c_char,
        value_capacity: usize,
        out_value_size: *mut usize,
        out_headers: *mut Headers,
        error: *mut Error,
    ) -> i32;
    fn holdfast_status_exit_code(status: i32) -> i32;
}

/// A session that closes itself.
struct Session(*mut c_void);

impl Drop for Session {
    fn drop(&mut self) {
        unsafe { holdfast_session_close(self.0) }
    }
}

impl Error {
    fn new() -> Self {
        // All members are plain: zeroes are a value of each.
        Error { struct_size: size_of::<Error>() as u32, ..unsafe { zeroed() } }
    }
    fn text(bytes: &[c_char]) -> String {
        unsafe { CStr::from_ptr(bytes.as_ptr()) }.to_string_lossy().into_owned()
    }
}

impl Session {
    fn open(identity_file: &CString, origin: &CString) -> Result<Self, Error> {
        let origins = [origin.as_ptr()];
        let mut options: SessionOptions = unsafe { zeroed() };
        options.struct_size = size_of::<SessionOptions>() as u32;
        options.identity_file = identity_file.as_ptr();
        options.origins = origins.as_ptr();
        options.origins_count = origins.len() as u64;
        let mut session = null_mut();
        let mut error = Error::new();
        match unsafe { holdfast_session_open(&options, &mut session, &mut error) } {
            OK => Ok(Session(session)),
            _ => Err(error),
        }
    }

    /// The lines of a request's headers.
    fn headers_for(&self, url: &CString) -> Result<Vec<String>, Error> {
        let mut value = [0 as c_char; AUTHORIZATION_CAPACITY];
        let mut value_size = 0;
        let mut headers = Headers {
            struct_size: size_of::<Headers>() as u32,
            count: 0,
            generation: 0,
            fields: [(); 4].map(|_| Header { name: null(), value: null() }),
        };
        let mut error = Error::new();
        let status = unsafe {
            holdfast_session_headers_for(
                self.0, url.as_ptr(), 0, value.as_mut_ptr(), value.len(), &mut value_size, &mut headers, &mut error,
            )
        };
        if status != OK {
            return Err(error);
        }
        let text = |pointer| unsafe { CStr::from_ptr(pointer) }.to_string_lossy();
        let fields = headers.fields.iter().take(headers.count as usize);
        Ok(fields.map(|field| format!("{}: {}", text(field.name), text(field.value))).collect())
    }
}

fn main() {
    let arguments: Vec<CString> = std::env::args().skip(1).filter_map(|text| CString::new(text).ok()).collect();
    let [identity_file, origin, url] = match <[CString; 3]>::try_from(arguments) {
        Ok(three) => three,
        Err(_) => {
            eprintln!("usage: main IDENTITY_FILE ORIGIN URL");
            exit(2);
        }
    };
    match Session::open(&identity_file, &origin).and_then(|session| session.headers_for(&url)) {
        Ok(lines) => lines.iter().for_each(|line| println!("{line}")),
        Err(error) => {
            eprintln!("error: {}\nhint: {}", Error::text(&error.message), Error::text(&error.hint));
            exit(unsafe { holdfast_status_exit_code(error.status) });
        }
    }
}
