//! Registered public keys.

use sea_orm::entity::prelude::*;

#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "credentials")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    pub organization_id: String,
    pub user_id: String,
    pub credential_id: String,
    pub credential_key: String,
    pub kind: String,
    pub name: String,
    pub public_key: Vec<u8>,
    pub encrypted_private_key: Option<String>,
    pub application_id: Option<String>,
    pub rp_id: Option<String>,
    pub origin: Option<String>,
    pub aaguid: Option<Vec<u8>>,
    pub sign_count: Option<i64>,
    pub backup_eligible: Option<bool>,
    pub backed_up: Option<bool>,
    pub made_by: String,
    pub made_in_session: Option<String>,
    pub made_with_credential: Option<String>,
    pub made_with_code: Option<String>,
    pub made_on_origin: Option<String>,
    pub made_from_address: String,
    pub is_active: bool,
    /// From when on it is gone unless it was approved; empty when it does not wait.
    pub waits_until: Option<i64>,
    /// When it was made active again; empty when it never was.
    pub activated: Option<i64>,
    pub created: i64,
    pub last_used: Option<i64>,
    pub counter_regressed_at: Option<i64>,
}

#[derive(Clone, Copy, Debug, EnumIter, DeriveRelation)]
pub enum Relation {
    #[sea_orm(
        belongs_to = "super::user::Entity",
        from = "Column::UserId",
        to = "super::user::Column::Id"
    )]
    User,
    #[sea_orm(
        belongs_to = "super::application::Entity",
        from = "Column::ApplicationId",
        to = "super::application::Column::Id"
    )]
    Application,
}

impl ActiveModelBehavior for ActiveModel {}

impl Related<super::user::Entity> for Entity {
    fn to() -> RelationDef {
        Relation::User.def()
    }
}
