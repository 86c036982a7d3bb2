use latchkey_domain::authority::Spendable;

use super::*;
use crate::{
    ports::session_store::MockSessionStore,
    testing::{KeptTokens, caller, clock, session, user},
};

fn sessions(store: MockSessionStore) -> (Sessions, String) {
    let tokens = Arc::new(KeptTokens::default());
    let token = tokens.sign_session(&session(&user(1)));
    (
        Sessions {
            clock: clock(),
            tokens,
            store: Arc::new(store),
            events: Events::default(),
        },
        token,
    )
}

#[tokio::test]
async fn a_session_holds_as_long_as_the_store_says_so() {
    for live in [true, false] {
        let mut store = MockSessionStore::new();
        store.expect_is_live().times(1).returning(move |_| Ok(live));
        let (sessions, token) = sessions(store);
        assert_eq!(sessions.check(&token).await.is_ok(), live);
    }
}

#[tokio::test]
async fn nonsense_is_refused_without_asking_the_store() {
    let (sessions, _) = sessions(MockSessionStore::new());
    assert!(matches!(
        sessions.check("nonsense").await,
        Err(SessionError::NotSignedIn)
    ));
}

#[tokio::test]
async fn ending_a_session_that_has_ended_is_fine() {
    let mut store = MockSessionStore::new();
    store
        .expect_exercise()
        .withf(|authority| authority.spends()[0].item == Spendable::Session)
        .returning(|_| Err(AuthorityConflict::Spent(Spendable::Session).into()));
    store
        .expect_end_all()
        .returning(|_| Err(AuthorityConflict::Void.into()));
    let (sessions, _) = sessions(store);
    let (here, session) = (caller(None), session(&user(1)));
    assert!(sessions.end(&here, &session).await.is_ok());
    // Others may go on, and must not be said to have ended.
    let others = sessions.end_all(&here, &session).await;
    assert!(matches!(
        others,
        Err(ExerciseError::Authority(AuthorityConflict::Void))
    ));
}
