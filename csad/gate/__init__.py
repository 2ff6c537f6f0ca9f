"""May a new model take the place of the one in service?"""
