"""Which d to try next, and what the trials say of d_int. Pure numpy; knows neither processes nor environments."""
