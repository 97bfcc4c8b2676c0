//! What a mapping does otherwise where the source's folders are labels.
//! Never looks at a folder's name: special uses tell which folder is which, in every language.

use alloc::vec::Vec;

use crate::folder::{Folder, FolderPath, NamespaceKind, Role};
use crate::labels::LabelPolicy;
use crate::role::{Assigned, By};

/// The name of an archive that has to be made: that of the folder of all mail would promise more than it holds.
pub(super) const ARCHIVE: &str = "Archive";

/// Gives the folder of all mail, and labels that are gathered, the role of an archive. Where the destination has a
/// folder of all mail itself, that is where archived mail belongs.
pub(super) fn cast(
    source: &[Folder],
    roles: &mut [Option<Assigned>],
    destination: &[Folder],
    labels: LabelPolicy,
) {
    let has_all = destination.iter().any(|folder| folder.special_use == Some(Role::All));
    let archive = if has_all { Role::All } else { Role::Archive };
    for (folder, role) in source.iter().zip(roles) {
        let is_own = folder.namespace == NamespaceKind::Personal && folder.is_selectable;
        let is_named_alone = role.is_none_or(|assigned| assigned.by != By::SpecialUse);
        if is_all(folder) {
            *role = Some(Assigned { by: By::SpecialUse, role: archive });
        } else if is_own && is_named_alone && labels.gathers() {
            *role = Some(Assigned { by: By::Name { rank: usize::MAX }, role: archive });
        }
    }
}

/// True for the folder that shows every message.
pub(super) fn is_all(folder: &Folder) -> bool {
    folder.namespace == NamespaceKind::Personal && folder.special_use == Some(Role::All)
}

/// The folders that hold no mail and only lead to folders of special uses: `[Gmail]`, however it is called.
pub(super) fn containers(source: &[Folder]) -> Vec<FolderPath> {
    let holds_special = |above: &FolderPath| {
        let below = |folder: &&Folder| folder.path.parent().as_ref() == Some(above);
        source.iter().filter(below).any(|folder| folder.special_use.is_some())
    };
    let is_container = |folder: &&Folder| {
        !folder.is_selectable && folder.path.parent().is_none() && holds_special(&folder.path)
    };
    source.iter().filter(is_container).map(|folder| folder.path.clone()).collect()
}
