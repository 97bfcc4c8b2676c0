//! What can be allowed, under the names of the data model.
//! Never says who has what: that lies in the database.

macro_rules! permissions {
    ($($name:ident = $text:literal),+ $(,)?) => {
        /// One thing that may be done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[expect(missing_docs, reason = "each is told by its name, and at length in the table of permissions")]
        pub enum Permission { $($name),+ }

        impl Permission {
            /// Every permission.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name in the database, in tokens' scopes and in answers.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

permissions! {
    ViewMigration = "can_view_migration",
    ManageMigration = "can_manage_migration",
    RunSync = "can_run_sync",
    ManageCredentials = "can_manage_credentials",
    UploadSources = "can_upload_sources",
    AckQuarantine = "can_ack_quarantine",
    ViewMessageContent = "can_view_message_content",
    ApproveMigrationGate = "can_approve_migration_gate",
    ApplyDns = "can_apply_dns",
    CloseMigration = "can_close_migration",
    GateRead = "gate:read",
    ManageSchedules = "can_manage_schedules",
    ManageBackups = "can_manage_backups",
    ApproveAgents = "can_approve_agents",
    ManageNotifications = "can_manage_notifications",
    ReadAudit = "can_read_audit",
    ManageAccess = "can_manage_access",
    ManageSystem = "can_manage_system",
    RotateKeys = "can_rotate_keys",
    MetricsRead = "metrics:read",
}

impl Permission {
    /// The permission of this name, or of a token's scope: `jobs:read` is another word for seeing jobs,
    /// `jobs:write` for making and changing them, `runs:write` for starting runs.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "jobs:read" => Some(Self::ViewMigration),
            "jobs:write" => Some(Self::ManageMigration),
            "runs:write" => Some(Self::RunSync),
            "credentials:write" => Some(Self::ManageCredentials),
            "audit:read" => Some(Self::ReadAudit),
            _ => Self::ALL.iter().copied().find(|permission| permission.as_str() == name),
        }
    }

    /// True where no token may have it: a person approves, and a person looks at mail.
    pub const fn is_for_people_alone(self) -> bool {
        matches!(
            self,
            Self::ApproveMigrationGate
                | Self::ViewMessageContent
                | Self::ApplyDns
                | Self::RotateKeys
                | Self::ManageAccess
        )
    }
}
