//! The contract of the store ports, and what only a store in SQL can be asked; all of it on SQLite and on
//! PostgreSQL.

#[cfg(test)]
#[macro_use]
mod world;

#[cfg(test)]
mod sqlite {
    latchkey_store_contract::store_contract!(crate::world::Sql::sqlite().await);
}
#[cfg(test)]
mod postgres {
    latchkey_store_contract::store_contract!(crate::world::Sql::postgres().await);
}

#[cfg(test)]
mod backup;
#[cfg(test)]
mod durability;
#[cfg(test)]
mod evidence;
#[cfg(test)]
mod facts;
#[cfg(test)]
mod inconsistency;
#[cfg(test)]
mod judged_anew;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod past_the_ports;
#[cfg(test)]
mod secrecy;
#[cfg(test)]
mod settings;
#[cfg(test)]
mod statements;
#[cfg(test)]
mod unavailable;
