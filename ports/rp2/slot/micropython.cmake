# The slot writer as a user C module: see slot.c. The addresses come from flash.csv through the generated header.
add_library(usermod_mtdb_slot INTERFACE)
target_sources(usermod_mtdb_slot INTERFACE ${CMAKE_CURRENT_LIST_DIR}/slot.c)
target_link_libraries(usermod INTERFACE usermod_mtdb_slot)
