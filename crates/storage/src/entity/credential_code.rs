//! One-time codes, by digest.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credential_codes")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub user_id: String,
    pub epoch: i64,
    pub issuer: String,
    pub session: String,
    pub short_digest: Option<Vec<u8>>,
    pub long_digest: Vec<u8>,
    pub issued: i64,
    pub expires: i64,
    pub state: String,
    pub claimed: Option<i64>,
    pub claim_origin: Option<String>,
    pub claim_address: Option<String>,
    pub claim_challenge: Option<String>,
    pub claim_expires: Option<i64>,
    pub credential: Option<String>,
    /// Whether that credential waits for approval, and what was decided; empty when it need not.
    pub approval: Option<String>,
    pub approval_expires: Option<i64>,
    pub is_newest: bool,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id"
    )]
    User,
}

impl ActiveModelBehavior for ActiveModel {}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}
