//! Tests of full expansions.

use quote::quote;

use super::expanded;
use crate::kind::Kind;

#[test]
fn a_function_is_its_site_and_its_body_in_a_closure() {
    let item = quote! {
        /// Decodes.
        pub fn decode(&self, z: &Tensor) -> Result<Tensor> {
            let x = self.conv(z)?;
            Ok(x)
        }
    };
    let expected = "\
/// Decodes.
pub fn decode(&self, z: &Tensor) -> Result<Tensor> {
    let __profiler_site = ::profiler_runtime::__private::site!(Stage, \"vae.decode\");
    ::profiler_runtime::__private::run(
        __profiler_site,
        move || -> Result<Tensor> {
            #[allow(clippy::shadow_same)]
            let z = z;
            #[allow()]
            {
                let x = self.conv(z)?;
                Ok(x)
            }
        },
    )
}
";
    assert_eq!(expanded(Kind::Stage, quote!("vae.decode"), item), expected);
}

#[test]
fn an_op_is_described_before_it_begins() {
    let item = quote! {
        fn linear(x: &Tensor, n: usize) -> Vec<u32> {
            x.matmul(n)
        }
    };
    let expected = "\
fn linear(x: &Tensor, n: usize) -> Vec<u32> {
    let __profiler_site = ::profiler_runtime::__private::site!(Op, \"linear\");
    ::profiler_runtime::__private::describe(
        __profiler_site,
        |__profiler_call| {
            if __profiler_call.wants_shapes() {
                __profiler_call.shape(&x);
                __profiler_call.shape(&(n + 1));
            }
            if __profiler_call.wants_flops() {
                __profiler_call
                    .flops(
                        (::profiler_runtime::__private::whole(2i128)
                            * ::profiler_runtime::__private::count(n)),
                    );
            }
        },
    );
    ::profiler_runtime::__private::run(
        __profiler_site,
        move || -> Vec<u32> {
            #[allow(clippy::shadow_same)]
            let x = x;
            let _ = &x;
            #[allow(clippy::shadow_same)]
            let n = n;
            let _ = &n;
            #[allow()] { x.matmul(n) }
        },
    )
}
";
    assert_eq!(expanded(Kind::Op, quote!(shapes(x, n + 1), flops = 2 * n), item), expected);
}

#[test]
fn an_async_function_awaits_its_timed_body() {
    let item = quote! {
        async fn step(x: u32) -> Result<u32, Error> {
            Ok(x)
        }
    };
    let expected = "\
async fn step(x: u32) -> Result<u32, Error> {
    let __profiler_site = renamed::__private::site!(Step, \"step\");
    let __profiler_returned = renamed::__private::Returns::new();
    if let ::core::option::Option::Some(__profiler_output) = __profiler_returned.none() {
        return __profiler_output;
    }
    renamed::__private::instrument_call(
            __profiler_site,
            renamed::__private::describe_async(
                __profiler_site,
                |__profiler_call| {
                    __profiler_call.index(x);
                },
            ),
            async move {
                if let ::core::option::Option::Some(__profiler_output) = __profiler_returned
                    .none()
                {
                    return __profiler_output;
                }
                let _ = &x;
                #[allow()] { Ok(x) }
            },
        )
        .await
}
";
    assert_eq!(expanded(Kind::Step, quote!(index = x, crate = renamed), item), expected);
}

#[test]
fn a_function_that_knows_its_caller_is_guarded() {
    let item = quote! {
        #[track_caller]
        fn checked() {
            #![allow(unused)]
            panic!();
        }
    };
    let expected = "\
#[track_caller]
fn checked() {
    #![allow(unused)]
    let __profiler_site = ::profiler_runtime::__private::site!(Stage, \"checked\");
    let __profiler_range = ::profiler_runtime::__private::Range::enter(__profiler_site);
    #[allow()]
    {
        panic!();
    }
}
";
    assert_eq!(expanded(Kind::Stage, quote!(), item), expected);
}

#[test]
fn a_boxed_block_is_timed_in_place_and_else_the_type_decides() {
    let block = quote! {
        fn encode(&self) -> Pin<Box<dyn Future<Output = u32> + '_>> {
            let n = 1;
            Box::pin(async move { n })
        }
    };
    let text = expanded(Kind::Stage, quote!(), block);
    assert!(text.contains("let n = 1;\n    Box::pin(\n        ::profiler_runtime::__private::instrument("), "{text}");

    let value = quote! {
        fn encode(&self) -> BoxFuture<'_, u32> {
            if self.ready { return self.quick(); }
            self.slow()
        }
    };
    let text = expanded(Kind::Stage, quote!(), value);
    assert!(text.contains("__profiler_returned\n        .run("), "{text}");
    assert!(text.contains("move || -> BoxFuture<'_, u32>"), "a `return` leaves the body only: {text}");
}
