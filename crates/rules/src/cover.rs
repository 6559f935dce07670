//! The fewest places found in which something holds, of those that an `on` can name.

/// Points with some capabilities, without others, in a span of kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cube {
    /// A bit for each capability that is asked for.
    pub(crate) with: u32,
    /// A bit for each capability that must not be there.
    pub(crate) without: u32,
    /// The first kernel.
    pub(crate) from: usize,
    /// The first kernel behind the last.
    pub(crate) to: usize,
}

/// A set of capabilities and a kernel.
#[derive(Clone, Copy)]
struct Point {
    caps: u32,
    kernel: usize,
}

impl Cube {
    const fn has(self, Point { caps, kernel }: Point) -> bool {
        caps & self.with == self.with
            && caps & self.without == 0
            && self.from <= kernel
            && kernel < self.to
    }
}

/// Cubes that together have exactly the points that hold, none of which is needless. Points come
/// kernel by kernel, and in each as the bits of their capabilities count.
pub(crate) fn cubes(holds: &[bool], caps: usize, kernels: usize) -> Vec<Cube> {
    let points: Vec<Point> = (0..kernels)
        .flat_map(|kernel| (0..1_u32 << caps).map(move |caps| Point { caps, kernel }))
        .collect();
    let with = || points.iter().copied().zip(holds.iter().copied());
    let is_within = |cube: &Cube| with().all(|(point, holds)| holds || !cube.has(point));
    let mut cubes: Vec<Cube> = Vec::new();
    for (point, holds) in with() {
        if holds && !cubes.iter().any(|cube| cube.has(point)) {
            cubes.push(widened(point, caps, kernels, &is_within));
        }
    }
    for place in (0..cubes.len()).rev() {
        let others = || cubes.iter().enumerate().filter(|(other, _)| *other != place);
        let is_needed =
            |point: Point| cubes[place].has(point) && !others().any(|(_, cube)| cube.has(point));
        if !points.iter().any(|point| is_needed(*point)) {
            cubes.remove(place);
        }
    }
    cubes
}

/// The point alone, then with as little asked for as it can be: what must not be there goes first,
/// then kernels, so that what is left asks for capabilities.
fn widened(point: Point, caps: usize, kernels: usize, is_within: &impl Fn(&Cube) -> bool) -> Cube {
    let all = (1_u32 << caps) - 1;
    let Point { caps: own, kernel } = point;
    let mut cube = Cube { with: own, without: all & !own, from: kernel, to: kernel + 1 };
    let mut try_out = |next: &dyn Fn(Cube) -> Cube| {
        let wider = next(cube);
        let fits = wider != cube && is_within(&wider);
        if fits {
            cube = wider;
        }
        fits
    };
    for bit in 0..caps {
        try_out(&|cube| Cube { without: cube.without & !(1 << bit), ..cube });
    }
    while try_out(&|cube| Cube { to: (cube.to + 1).min(kernels), ..cube }) {}
    while try_out(&|cube| Cube { from: cube.from.saturating_sub(1), ..cube }) {}
    for bit in 0..caps {
        try_out(&|cube| Cube { with: cube.with & !(1 << bit), ..cube });
    }
    cube
}
