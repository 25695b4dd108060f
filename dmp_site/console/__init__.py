"""The pages around the admin: home, health, navigation; and the checks that `doctor` shares with them."""
