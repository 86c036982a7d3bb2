//! What every request passes, from the outside in: [`observe`], [`harden`], [`alone`] in a demonstration,
//! [`cors`], [`path`], [`body`], and once its route is found [`query`]. The router applies them in this order.

pub(crate) mod observe;

pub(crate) mod harden;

pub(crate) mod alone;

pub(crate) mod cors;

pub(crate) mod path;

pub(crate) mod body;

pub(crate) mod query;
