//! Evidence of what users agreed to.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "user_actions")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub user_id: String,
    pub method: String,
    pub path: String,
    pub payload_digest: Vec<u8>,
    pub nonce: Vec<u8>,
    pub credential: String,
    pub kind: String,
    pub public_key: Vec<u8>,
    pub algorithm: Option<String>,
    pub client_data: Vec<u8>,
    pub authenticator_data: Option<Vec<u8>>,
    pub signature: Vec<u8>,
    pub signed_at: i64,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}
