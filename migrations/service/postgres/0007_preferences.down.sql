-- Takes back 0007: what people chose for themselves and the views that they kept are lost with it.

DROP TABLE saved_views;
DROP TABLE user_preferences;
