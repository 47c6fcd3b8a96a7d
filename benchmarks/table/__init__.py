"""The figures of the forecast table: publishing, reading, surviving, and scoring it."""
