# The records' encoder for MicroPython's cmake ports: see record.c. ports/btree/micropython.cmake includes this.
add_library(usermod_mtdb_record INTERFACE)
target_sources(usermod_mtdb_record INTERFACE ${CMAKE_CURRENT_LIST_DIR}/record.c ${CMAKE_CURRENT_LIST_DIR}/calls.c ${CMAKE_CURRENT_LIST_DIR}/tags.c ${CMAKE_CURRENT_LIST_DIR}/loads.c)
target_link_libraries(usermod INTERFACE usermod_mtdb_record)
