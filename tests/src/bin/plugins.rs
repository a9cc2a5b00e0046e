//! A program with a plugin that contains its own copy of the runtime, run by the tests of plugins:
//! `plugins STORY FOLDER LIBRARY`.

#![allow(clippy::unwrap_used, clippy::panic)]

#[cfg(target_os = "linux")]
mod program {
    use std::env;
    use std::ffi::{CString, c_char, c_int};
    use std::path::{Path, PathBuf};
    use std::process::{abort, exit};

    use libloading::{Library, Symbol};
    use profiler_runtime::{ProfilerConfig, profiled_step, stage, start_profile_with};
    use profiler_tests::processes::{end_by, pause};

    const ITERATIONS: usize = 6;

    #[profiled_step]
    fn host_step() {
        drop(stage!("host work"));
    }

    struct Plugin(Library);

    impl Plugin {
        fn load(path: &Path) -> Self {
            // SAFETY: the plugin's initialisers only register its sites.
            Self(unsafe { Library::new(path) }.unwrap())
        }

        fn call<A>(&self, name: &str, argument: A) -> c_int {
            // SAFETY: the plugin's functions have this signature, or take no argument.
            unsafe {
                let function: Symbol<'_, unsafe extern "C" fn(A) -> c_int> = self.0.get(name).unwrap();
                function(argument)
            }
        }

        fn start(&self, folder: &Path) {
            let folder = CString::new(folder.to_str().unwrap()).unwrap();
            assert_eq!(self.call::<*const c_char>("plugin_start", folder.as_ptr()), 0);
            self.work();
        }

        fn work(&self) {
            self.call("plugin_work", ITERATIONS as c_int);
        }
    }

    fn start_host(folder: &Path) {
        start_profile_with(ProfilerConfig::torch(folder.join("host"))).unwrap();
        (0..ITERATIONS).for_each(|_| host_step());
    }

    pub(crate) fn main() {
        let words: Vec<String> = env::args().collect();
        let [_, story, folder, library] = &words[..] else { panic!("{words:?}") };
        let (folder, library) = (PathBuf::from(folder), PathBuf::from(library));
        let (order, ending) = story.split_once(", ").unwrap();
        let plugin = Plugin::load(&library);
        let plugins = folder.join("plugin");
        match order {
            "host first" => {
                start_host(&folder);
                plugin.start(&plugins);
            }
            "plugin first" => {
                plugin.start(&plugins);
                start_host(&folder);
            }
            "unloaded" => {
                plugin.start(&plugins);
                assert_eq!(plugin.call("plugin_spawn", 0), 0);
                plugin.0.close().unwrap();
                // The threads of the session and of the plugin keep running.
                (0..100).for_each(|_| pause());
            }
            "loaded again" => {
                let sites = plugin.call("plugin_sites", 0);
                plugin.0.close().unwrap();
                let plugin = Plugin::load(&library);
                plugin.start(&plugins);
                plugin.0.close().unwrap();
                let plugin = Plugin::load(&library);
                plugin.work();
                assert_eq!(plugin.call("plugin_sites", 0), sites);
                assert_eq!(plugin.call("plugin_stop", 0), 0);
            }
            order => panic!("{order}"),
        }
        match ending {
            "exit" => exit(0),
            "abort" => abort(),
            signal => end_by(signal.parse().unwrap()),
        }
    }
}

#[cfg(target_os = "linux")]
fn main() {
    program::main();
}

#[cfg(not(target_os = "linux"))]
fn main() {}
