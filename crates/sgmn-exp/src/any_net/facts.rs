//! The memory of the process: how much it held, and how it holds little.

use libmimalloc_sys::{mi_collect, mi_option_set, mi_option_t};

/// The most memory that this process has held so far, or since [`forget_peak`], in bytes; absent where the system does
/// not tell.
pub fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Starts the count of [`peak_memory`] anew, where the system lets it; what is held now stays counted.
pub fn forget_peak() {
    // Linux resets the count for whoever writes a 5; elsewhere there is no such file, and the count goes on.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// From now on, what is freed goes back to the system soon, and comes from it in small pages.
///
/// A net is computed in arrays of many sizes, each for a moment. By default the allocator keeps what is free for a second,
/// and the system hands out pages of 2 MiB: good for training, which needs the same again, but several times a small net.
#[allow(unsafe_code, reason = "a function of the allocator, in C")]
pub fn hold_little() {
    // SAFETY: the option exists in every version of the library, and takes any number of milliseconds.
    unsafe { mi_option_set(PURGE_DELAY, SOON) }
    // Where the system refuses, or knows no such pages, more memory is held.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// `mi_option_purge_delay`, which the bindings do not name: after how many milliseconds free memory is given back.
const PURGE_DELAY: mi_option_t = 15;
/// Long enough for the next array of the same size.
const SOON: std::ffi::c_long = 1;

/// Gives memory that the allocator keeps for what comes next back to the system, on all threads: what one stage has freed
/// is seldom of the sizes that the next one needs.
pub fn give_back() {
    rayon::broadcast(|_| collect());
    collect();
}

#[allow(unsafe_code, reason = "a function of the allocator, in C")]
fn collect() {
    // SAFETY: the function frees only what nobody holds; it may be called at any time, from any thread.
    unsafe { mi_collect(true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[allow(unsafe_code, reason = "a function of the allocator, in C")]
    fn the_option_that_is_set_is_the_one_that_waits_a_second_by_default() {
        // SAFETY: reading an option changes nothing.
        let by_default = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert!([1000, SOON].contains(&by_default), "{by_default}");
        hold_little();
        // SAFETY: as above.
        assert_eq!(unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) }, SOON);
    }
}
