// What Debian builds into SQLite and we never ask for: full text, spatial indexes, tables about its own statements and what
// its pages hold. main.c calls each at every opening of a database; ours are found before those of the archive, whose objects
// then stay out: 220 KB on armhf. The table of pages stays: the crash enumerator compares by it.
//
// Source     SQLite 3.46, src/main.c: sqlite3BuiltinExtensions

struct sqlite3;

extern "C" {
int sqlite3Fts3Init(sqlite3*) { return 0; }
int sqlite3Fts5Init(sqlite3*) { return 0; }
int sqlite3RtreeInit(sqlite3*) { return 0; }
int sqlite3DbstatRegister(sqlite3*) { return 0; }
int sqlite3StmtVtabInit(sqlite3*) { return 0; }
}
