//! Kinds of sites, and how artifacts and tools show each. A new kind is added here.

/// Kind of a site, and of its ranges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A named part of the pipeline.
    Stage,
    /// One iteration of a loop.
    Step,
    /// An operator inside a stage.
    Op,
    /// A unit of work that timings are grouped by.
    Request,
}

impl Kind {
    /// Every kind.
    #[doc(hidden)]
    pub const ALL: [Self; 4] = [Self::Stage, Self::Step, Self::Op, Self::Request];

    /// Returns the kind's index in [`ALL`](Self::ALL).
    #[doc(hidden)]
    pub const fn place(self) -> usize {
        self as usize
    }

    /// Returns the kind's name in one word, as artifacts and tools show it.
    #[doc(hidden)]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Stage => "stage",
            Self::Step => "step",
            Self::Op => "op",
            Self::Request => "request",
        }
    }

    /// Returns Kineto's category for events of this kind.
    #[doc(hidden)]
    pub const fn category(self) -> &'static str {
        match self {
            Self::Op => "cpu_op",
            Self::Stage | Self::Step | Self::Request => "user_annotation",
        }
    }

    /// Returns whether ranges of this kind are nodes of the stage tree.
    #[doc(hidden)]
    pub const fn is_stage(self) -> bool {
        matches!(self, Self::Stage | Self::Step)
    }
}
