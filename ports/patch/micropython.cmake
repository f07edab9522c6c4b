# Patches of pages for MicroPython's cmake ports: see patch.c. ports/btree/micropython.cmake includes this.
add_library(usermod_mtdb_patch INTERFACE)
target_sources(usermod_mtdb_patch INTERFACE ${CMAKE_CURRENT_LIST_DIR}/patch.c)
target_link_libraries(usermod INTERFACE usermod_mtdb_patch)
