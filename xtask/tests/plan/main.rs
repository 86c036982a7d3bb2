//! Keeps the plan of the house true: which layer may know which, what every package has in common, and
//! that the documents name only what exists.

#[cfg(test)]
mod arrows;
#[cfg(test)]
mod documents;
#[cfg(test)]
mod files;
#[cfg(test)]
mod manifests;
#[cfg(test)]
mod workspace;
